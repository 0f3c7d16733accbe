//! A server of S3's protocol that has what a world has, and lies about it as it is told.

use std::io::{BufRead, BufReader, Read, Result, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use offsite::store::memory::Memory;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    None,
    /// A page of a listing that never ends.
    EndlessPage,
    /// Pages without an object, each followed by another; and the same page again.
    EmptyPages,
    SamePage,
    /// Names that are out of order, of 500 bytes, of other prefixes.
    WrongNames,
    /// A refusal of ten gigabytes.
    HugeError,
    /// An object without a length and without an end.
    EndlessBody,
    /// An object that says it is a terabyte, and goes on until nobody listens.
    HugeBody,
    /// An object whose listing says that it has another size.
    WrongSizes,
}

impl Lie {
    pub const ALL: [Self; 8] = [
        Self::EndlessPage,
        Self::EmptyPages,
        Self::SamePage,
        Self::WrongNames,
        Self::HugeError,
        Self::EndlessBody,
        Self::HugeBody,
        Self::WrongSizes,
    ];
}

pub struct Server {
    pub endpoint: String,
    lie: Arc<Mutex<Lie>>,
}

impl Server {
    pub fn of(objects: Arc<Memory>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let lie = Arc::new(Mutex::new(Lie::None));
        let told = Arc::clone(&lie);
        let seen = Arc::new(AtomicUsize::new(0));
        // Ends with the process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (objects, told, seen) = (objects.clone(), told.clone(), seen.clone());
                std::thread::spawn(move || {
                    let lie = *told.lock().unwrap();
                    let number = seen.fetch_add(1, Ordering::SeqCst);
                    // Whoever hangs up has had enough.
                    let _ = serve(stream, &objects, lie, number);
                });
            }
        });
        Self { endpoint, lie }
    }

    /// From now on.
    pub fn tell(&self, lie: Lie) {
        *self.lie.lock().unwrap() = lie;
    }
}

fn serve(mut stream: TcpStream, objects: &Memory, lie: Lie, number: usize) -> Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut line, mut range, mut length) = (String::new(), None, 0);
    reader.read_line(&mut line)?;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let Some((name, value)) = header.split_once(':') else {
            break;
        };
        match name.to_lowercase().as_str() {
            "range" => range = value.trim().strip_prefix("bytes=").map(str::to_owned),
            "content-length" => length = value.trim().parse().unwrap_or(0),
            _ => {}
        }
    }
    reader.take(length).read_to_end(&mut Vec::new())?;
    let target = line.split(' ').nth(1).unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let name = path.strip_prefix("/bucket/offsite/").unwrap_or_default();
    if lie == Lie::HugeError && line.starts_with("GET ") {
        let head = "HTTP/1.1 403 Forbidden\r\nContent-Length: 10000000000\r\n\r\n<Error>";
        return pour(stream, head, false);
    }
    if line.starts_with("GET ") && query.contains("list-type=2") {
        return list(stream, objects, query, lie, number);
    }
    let is_object = line.starts_with("GET ") || line.starts_with("HEAD ");
    let Some(body) = objects.peek(name).filter(|_| is_object) else {
        return answer(&mut stream, "404 Not Found", "", b"", true);
    };
    if line.starts_with("HEAD ") {
        return answer(&mut stream, "200 OK", MODIFIED, &body, false);
    }
    match lie {
        Lie::EndlessBody => {
            let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
            pour(stream, head, true)
        }
        Lie::HugeBody => {
            let head = "HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n";
            pour(stream, head, false)
        }
        _ => {
            let part = range.as_deref().and_then(|range| range.split_once('-'));
            let part = part.and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
            let Some((from, to)): Option<(usize, usize)> = part else {
                return answer(&mut stream, "200 OK", MODIFIED, &body, true);
            };
            let to = to.min(body.len().saturating_sub(1));
            let range = format!("Content-Range: bytes {from}-{to}/{}\r\n", body.len());
            let part = body.get(from..=to).unwrap_or_default();
            answer(&mut stream, "206 Partial Content", &range, part, true)
        }
    }
}

const MODIFIED: &str = "Last-Modified: Sun, 01 Nov 2026 12:00:00 GMT\r\n";

fn answer(to: &mut TcpStream, status: &str, more: &str, body: &[u8], sends: bool) -> Result<()> {
    write!(
        to,
        "HTTP/1.1 {status}\r\nDate: Sun, 22 Nov 2026 12:00:00 GMT\r\nConnection: close\r\n\
         Content-Length: {}\r\n{more}\r\n",
        body.len()
    )?;
    if sends {
        to.write_all(body)?;
    }
    Ok(())
}

/// Until nobody takes it any more.
fn pour(mut to: TcpStream, head: &str, is_chunked: bool) -> Result<()> {
    to.write_all(head.as_bytes())?;
    let mut piece = vec![b'<'; 1 << 16];
    if is_chunked {
        piece.splice(0..0, *b"10000\r\n");
        piece.extend(b"\r\n");
    }
    loop {
        to.write_all(&piece)?;
    }
}

fn list(mut to: TcpStream, objects: &Memory, query: &str, lie: Lie, number: usize) -> Result<()> {
    let parts = query
        .split('&')
        .find_map(|part| part.strip_prefix("prefix="));
    let prefix = parts.unwrap_or_default().replace("%2F", "/");
    let prefix = prefix
        .strip_prefix("offsite/")
        .unwrap_or_default()
        .to_owned();
    if lie == Lie::EndlessPage {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\n\
                    Transfer-Encoding: chunked\r\n\r\n";
        return pour(to, head, true);
    }
    let mut names = objects.names();
    names.retain(|name| name.starts_with(&prefix));
    match lie {
        Lie::EmptyPages => names.clear(),
        Lie::WrongNames => {
            names.reverse();
            names.push("elsewhere/../../x".repeat(50));
        }
        _ => {}
    }
    let mut xml = "<ListBucketResult>".to_owned();
    for name in names {
        let size = objects.peek(&name).map_or(0, |body| body.len() as u64);
        let size = if lie == Lie::WrongSizes {
            size ^ 0xffff_ffff
        } else {
            size
        };
        xml += &format!(
            "<Contents><Key>offsite/{name}</Key><Size>{size}</Size>\
             <LastModified>2026-11-01T00:00:00.000Z</LastModified></Contents>"
        );
    }
    xml += &match lie {
        Lie::EmptyPages => format!(
            "<IsTruncated>true</IsTruncated>\
             <NextContinuationToken>{number}</NextContinuationToken>"
        ),
        Lie::SamePage => "<IsTruncated>true</IsTruncated>\
             <NextContinuationToken>again</NextContinuationToken>"
            .to_owned(),
        _ => "<IsTruncated>false</IsTruncated>".to_owned(),
    };
    xml += "</ListBucketResult>";
    answer(
        &mut to,
        "200 OK",
        "Content-Type: application/xml\r\n",
        xml.as_bytes(),
        true,
    )
}
