//! Objects around plaintexts that somebody else chose, sealed with keys that are at hand: what the
//! holder of a writer key can make, and the library never would.

use offsite::crypto::{ObjectKey, Position, Purpose, WriterKey};
use offsite::format::Kind;
use offsite::format::frame::{Role, Shape, encode_preface};
use offsite::format::header::{Header, pack_extension};

/// A record whose preface says this of its payload, true or not.
pub fn record(writer: &WriterKey, kind: Kind, payload: Shape, content: &[u8]) -> Vec<u8> {
    let unfinished = Header::unfinished(kind, writer.repository(), [3; 32], &[]);
    let secret = writer.subkey(kind.number());
    let (key, commitment) = ObjectKey::derive(Purpose::Body, &secret, &unfinished).expect("a key");
    let mut object = [unfinished, commitment.to_vec()].concat();
    let preface = encode_preface(payload);
    let of_preface = Shape::plain(preface.len() as u32);
    seal(&key, kind, Role::Preface, of_preface, &preface, &mut object);
    seal(&key, kind, Role::Payload, payload, content, &mut object);
    seal(
        &key,
        kind,
        Role::RecordPad,
        Shape::plain(0),
        &[],
        &mut object,
    );
    object
}

/// A pack of this body, with this footer and this trailer, whether they agree or not.
pub fn pack(writer: &WriterKey, kind: Kind, body: &[u8], footer: &[u8], trailer: &[u8]) -> Vec<u8> {
    let extension = pack_extension(&[5; 80]);
    let unfinished = Header::unfinished(kind, writer.repository(), [4; 32], &extension);
    let secret = writer.subkey(kind.number());
    let (tail, commitment) = ObjectKey::derive(Purpose::Tail, &secret, &unfinished).expect("a key");
    let header = [unfinished, vec![9; 32], commitment.to_vec()].concat();
    let mut object = [header.as_slice(), body].concat();
    let seal = |role, content: &[u8], object: &mut Vec<u8>| {
        let shape = Shape::plain(content.len() as u32);
        seal(&tail, kind, role, shape, content, object);
    };
    seal(Role::PackPad, &[0; 64], &mut object);
    seal(Role::Footer, footer, &mut object);
    object.extend_from_slice(&header);
    seal(Role::Trailer, trailer, &mut object);
    object
}

fn seal(key: &ObjectKey, kind: Kind, role: Role, shape: Shape, content: &[u8], to: &mut Vec<u8>) {
    let position = Position::fixed(role.fixed_position());
    let additional = shape.additional(kind, role, position.number());
    let start = to.len();
    to.extend_from_slice(content);
    key.seal(position, &additional, to, start)
        .expect("short enough");
}
