//! Stands between a client and a server of HTTP, and does to an exchange what a test says.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use super::fault::{Fault, When};

pub struct Proxy {
    port: u16,
    orders: Arc<Mutex<Orders>>,
}

/// What is to be done.
#[derive(Default)]
struct Orders {
    fault: Option<(Fault, When, u64)>,
    /// Exchanges so far to which it could be done, and to which it was.
    seen: u64,
    struck: u64,
}

/// A request as it came.
struct Request {
    head: String,
    body: Vec<u8>,
}

/// So much of an answer comes before it stops for a moment, if it drips.
const DROP_BYTES: usize = 64;
const DROPS_MAX: usize = 8;

impl Proxy {
    /// `upstream` is a URL without a path.
    pub fn before(upstream: &str) -> Self {
        let upstream = upstream
            .strip_prefix("http://")
            .expect("plain HTTP")
            .to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let orders: Arc<Mutex<Orders>> = Arc::default();
        let of_all = Arc::clone(&orders);
        // Ends with the process: a thread that waits for a connection cannot be told.
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (orders, upstream) = (Arc::clone(&of_all), upstream.clone());
                // A client that goes away is no news here.
                std::thread::spawn(move || drop(serve(client, &upstream, &orders)));
            }
        });
        Self { port, orders }
    }

    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// From now on.
    pub fn do_it(&self, fault: Fault, when: When, seed: u64) {
        *self.orders() = Orders {
            fault: Some((fault, when, seed)),
            ..Orders::default()
        };
    }

    /// No longer; gives to how many exchanges it was done.
    pub fn stop(&self) -> u64 {
        std::mem::take(&mut *self.orders()).struck
    }

    fn orders(&self) -> MutexGuard<'_, Orders> {
        self.orders.lock().expect("no panic there")
    }
}

/// One exchange a connection.
fn serve(client: TcpStream, upstream: &str, orders: &Mutex<Orders>) -> std::io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let head = read_head(&mut reader)?;
    if head.is_empty() {
        return Ok(());
    }
    let fault = fault_for(&head, orders);
    if fault == Some(Fault::BreaksBefore) {
        return client.shutdown(Shutdown::Both);
    }
    if header(&head, "expect").is_some() {
        (&client).write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    let length = header(&head, "content-length").and_then(|it| it.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    if fault == Some(Fault::BreaksInside) {
        let half = body.len() / 2;
        reader.read_exact(&mut body[..half])?;
        return client.shutdown(Shutdown::Both);
    }
    reader.read_exact(&mut body)?;
    let request = Request { head, body };
    if let Some((status, code)) = fault.and_then(Fault::answer) {
        return answer(&client, &request, status, code);
    }
    let mut told = ask(upstream, &request)?;
    match fault {
        Some(Fault::AnswerLost) => return client.shutdown(Shutdown::Both),
        Some(Fault::Twice) => told = ask(upstream, &request)?,
        Some(fault) => told = falsified(told, fault),
        None => {}
    }
    if fault == Some(Fault::Drip) {
        for drop in told.chunks(DROP_BYTES.max(told.len() / DROPS_MAX)) {
            (&client).write_all(drop)?;
            std::thread::sleep(Duration::from_millis(20));
        }
    } else {
        (&client).write_all(&told)?;
    }
    client.shutdown(Shutdown::Both)
}

/// The fault that strikes this exchange.
fn fault_for(head: &str, orders: &Mutex<Orders>) -> Option<Fault> {
    let mut orders = orders.lock().expect("no panic there");
    let (fault, when, seed) = orders.fault?;
    if !can_be_done(fault, head) {
        return None;
    }
    let number = orders.seen;
    orders.seen += 1;
    let strikes = when.strikes(number, seed);
    orders.struck += u64::from(strikes);
    strikes.then_some(fault)
}

fn can_be_done(fault: Fault, head: &str) -> bool {
    let is_listing = head.starts_with("GET ") && head.contains("list-type=2");
    match fault {
        Fault::ListingCut => is_listing,
        // Elsewhere there is no body, or one that nobody reads.
        Fault::BytesWrong | Fault::AnswerTorn | Fault::LengthTooLong => head.starts_with("GET "),
        _ => true,
    }
}

fn read_head(reader: &mut impl BufRead) -> std::io::Result<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            break;
        }
    }
    Ok(head)
}

fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    let mut lines = head.lines().filter_map(|line| line.split_once(':'));
    lines
        .find(|(found, _)| found.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}

/// What the server answers, to the end.
fn ask(upstream: &str, request: &Request) -> std::io::Result<Vec<u8>> {
    let mut server = TcpStream::connect(upstream)?;
    let is_ours = |line: &&str| {
        let name = line.split(':').next().unwrap_or_default();
        name.eq_ignore_ascii_case("connection") || name.eq_ignore_ascii_case("expect")
    };
    let mut head: String = request
        .head
        .trim_end()
        .lines()
        .filter(|line| !is_ours(line))
        .flat_map(|line| [line, "\r\n"])
        .collect();
    head += "Connection: close\r\n\r\n";
    server.write_all(head.as_bytes())?;
    server.write_all(&request.body)?;
    let mut told = Vec::new();
    server.read_to_end(&mut told)?;
    Ok(told)
}

fn answer(
    mut client: &TcpStream,
    request: &Request,
    status: &str,
    code: &str,
) -> std::io::Result<()> {
    let body = match request.head.starts_with("HEAD ") {
        true => String::new(),
        false => format!(
            "<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>said the proxy</Message></Error>"
        ),
    };
    write!(
        client,
        "HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    )?;
    client.shutdown(Shutdown::Both)
}

fn falsified(told: Vec<u8>, fault: Fault) -> Vec<u8> {
    let end = told.windows(4).position(|it| it == b"\r\n\r\n");
    let (head, body) = told.split_at(end.map_or(told.len(), |end| end + 4));
    let mut body = body.to_vec();
    let mut head = String::from_utf8_lossy(head).into_owned();
    match fault {
        Fault::AnswerTorn => body.truncate(body.len() / 2),
        Fault::LengthTooLong => {
            let longer = format!("Content-Length: {}\r\n", body.len() + 10);
            let is_length = |line: &&str| line.to_ascii_lowercase().starts_with("content-length:");
            let lines = head.split_inclusive("\r\n").filter(|line| !is_length(line));
            let lines: Vec<_> = lines.filter(|line| *line != "\r\n").collect();
            head = lines.concat() + &longer + "\r\n";
        }
        Fault::BytesWrong => {
            let middle = body.len() / 2;
            if let Some(byte) = body.get_mut(middle) {
                *byte ^= 0x20;
            }
        }
        Fault::ListingCut => return listing_cut(&head, &body),
        _ => {}
    }
    [head.into_bytes(), body].concat()
}

/// Without the second half of what it lists.
fn listing_cut(head: &str, body: &[u8]) -> Vec<u8> {
    let body = String::from_utf8_lossy(body);
    let parts: Vec<_> = body.split_inclusive("</Contents>").collect();
    let Some((rest, entries)) = parts.split_last() else {
        return [head.as_bytes(), body.as_bytes()].concat();
    };
    let left = entries[..entries.len() / 2].concat();
    // What stands before the first entry stands before what is left too.
    let before = match entries.first() {
        Some(first) if left.is_empty() => first.split("<Contents>").next().unwrap_or_default(),
        _ => "",
    };
    let body =
        format!("{before}{left}{rest}").replace(">true</IsTruncated>", ">false</IsTruncated>");
    let status = head.lines().next().unwrap_or_default();
    let length = body.len();
    let head = format!(
        "{status}\r\nContent-Type: application/xml\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n"
    );
    [head.as_bytes(), body.as_bytes()].concat()
}
