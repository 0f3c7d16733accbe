//! Compose files as people have them.

use super::*;

const ENV: &str = "\u{feff}# The location where your uploaded files are stored
UPLOAD_LOCATION=./library
  export NAS = \"/volume1/family photos\"  # quoted
EMPTY=
TZ='Europe/Berlin'
not a line
DB_PASSWORD=pa$$word #1
";

const FILE: &str = "
name: immich
x-base: &base
  restart: always
  volumes:
    - /base:/base
services:
  immich-server:
    container_name: immich_server
    image: ghcr.io/immich-app/immich-server:${IMMICH_VERSION:-release}
    volumes:
      # Do not edit the next line.
      - ${UPLOAD_LOCATION}:/data
      - ${THUMB_LOCATION:-../fast/thumbs}:/data/thumbs:rw
      - /etc/localtime:/etc/localtime:ro
      - model-cache:/cache
      - /anonymous
      - type: bind
        source: ${NAS}
        target: /mnt/nas
        read_only: true
      - {type: volume, source: other, target: /other}
      - {type: tmpfs, target: /tmp}
  immich-machine-learning:
    image: ghcr.io/immich-app/immich-machine-learning:release
    volumes: [model-cache:/cache]
  database:
    image: ghcr.io/immich-app/postgres:14
    volumes:
      - ${DB_DATA_LOCATION}:/var/lib/postgresql/data
volumes:
  model-cache:
";

fn told(text: &str, env: &str) -> Result<Vec<(String, String)>, String> {
    let mounts = mounts(text, &environment(env), Path::new("/home/anna/immich"));
    let text_of = |mount: Mount| {
        let host = mount.host.to_str().unwrap().to_owned();
        (String::from_utf8(mount.container).unwrap(), host)
    };
    let mounts = mounts.map_err(|error| error.to_string())?;
    Ok(mounts.into_iter().map(text_of).collect())
}

#[test]
fn the_compose_file_of_the_documentation() {
    let expected = [
        ("/data", "/home/anna/immich/library"),
        ("/data/thumbs", "/home/anna/fast/thumbs"),
        ("/etc/localtime", "/etc/localtime"),
        ("/mnt/nas", "/volume1/family photos"),
    ]
    .map(|(container, host)| (container.to_owned(), host.to_owned()));
    assert_eq!(told(FILE, ENV).unwrap(), expected);
    // Neither image nor name need be as in the documentation.
    let renamed = FILE.replace("  immich-server:\n", "  photos:\n");
    assert_eq!(told(&renamed, ENV).unwrap(), expected);
    let built = FILE.replace("image: ghcr.io/immich-app/immich-server", "image: mine");
    assert_eq!(told(&built, ENV).unwrap(), expected);
}

#[test]
fn merged_services_and_old_ones_with_two_containers_of_one_image() {
    let file = "
x-base: &base
  image: altran1502/immich-server:release
  volumes: [\"/srv/immich:/usr/src/app/upload\"]
services:
  immich-microservices: *base
  immich-server:
    <<: *base
    container_name: immich_server
";
    let mount = ("/usr/src/app/upload".to_owned(), "/srv/immich".to_owned());
    assert_eq!(told(file, "").unwrap(), [mount]);
}

#[test]
fn variables_are_put_in_as_compose_does() {
    let variables = environment("A=a\nE=\nPATH_=/p\n");
    let cases = [
        ("$A/${A}/$$A", "a/a/$A"),
        ("${E:-x}${E-x}${N:-y}${N-z}", "xyz"),
        ("${A:+x}${E:+y}${E+z}${N+q}", "xz"),
        ("${A:?must be}${N:-${M:-${A}}}", "aa"),
        ("$PATH_/x$A", "/p/xa"),
    ];
    for (text, value) in cases {
        assert_eq!(interpolate(text, &variables, 0).unwrap(), value, "{text}");
    }
    for (text, says) in [
        ("${N}", "${N}, which is set neither"),
        ("$N/x", "${N}, which is set neither"),
        ("${N:?give it}", "${N}, which is set neither"),
        ("${A", "'${' without '}'"),
        ("$/", "'$' without a name"),
        (
            &format!("{}x{}", "${N:-".repeat(20), "}".repeat(20)),
            "too deep",
        ),
    ] {
        let error = interpolate(text, &variables, 0).unwrap_err().to_string();
        assert!(error.contains(says), "{text}: {error}");
    }
    let variables = environment(ENV);
    assert_eq!(variables.get("NAS").unwrap(), "/volume1/family photos");
    assert_eq!(variables.get("DB_PASSWORD").unwrap(), "pa$$word");
    assert_eq!(
        (variables.get("EMPTY").unwrap().as_str(), variables.len()),
        ("", 5)
    );
}

#[test]
fn what_is_no_compose_file_of_immich_is_refused() {
    for (text, says) in [
        ("", "no services"),
        ("just text", "no services"),
        ("services: [a]", "no services"),
        ("a: [", "YAML"),
        ("services: {web: {image: nginx}}", "web"),
        (
            "services: {a: {image: x/immich-server}, b: {image: y/immich-server}}",
            "a, b",
        ),
        ("services: {immich-server: {volumes: ['~/x:/data']}}", "'~'"),
        (
            "services: {immich-server: {volumes: ['/x:data']}}",
            "does not begin with '/'",
        ),
        (
            "services: {immich-server: {volumes: ['${UPLOAD_LOCATION}:/data']}}",
            "UPLOAD_LOCATION",
        ),
    ] {
        let error = told(text, "").unwrap_err();
        assert!(error.contains(says), "{text}: {error}");
    }
}
