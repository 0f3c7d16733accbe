//! What to install where a server lacks an extension.

/// One sentence part for a person, such as `vector (install postgresql-15-pgvector)`. `major` is the
/// server's major version.
pub(super) fn with_package(extension: &str, major: &str) -> String {
    let package = match extension {
        "cube" | "earthdistance" | "pg_trgm" | "unaccent" | "uuid-ossp" | "btree_gin"
        | "btree_gist" | "pgcrypto" | "fuzzystrmatch" => {
            "install postgresql-contrib, the extensions that come with PostgreSQL".to_owned()
        }
        "vector" => format!("install postgresql-{major}-pgvector"),
        "vchord" => format!(
            "install VectorChord for PostgreSQL {major}: https://docs.vectorchord.ai, or use \
             --docker with Immich's own database image"
        ),
        "vectors" => format!(
            "install pgvecto.rs for PostgreSQL {major}, or use --docker with the database image that \
             Immich had then, tensorchord/pgvecto-rs"
        ),
        _ => "install what brings it, or use --docker with an image that has it".to_owned(),
    };
    format!("{extension} ({package})")
}
