#!/usr/bin/env python3
"""A small restorer for repositories of `offsite`, written from docs/format.md alone.

    decode.py REPOSITORY_DIR --words-file FILE | --passphrase-file FILE  list
    decode.py REPOSITORY_DIR --words-file FILE | --passphrase-file FILE  restore [SNAPSHOT|latest] TARGET_DIR

Needs Python 3.9 or newer and: pip install blake3 cryptography zstandard cbor2 mnemonic argon2-cffi
It only ever reads the repository. The numbers after the sign § are sections of format.md.
Exit code: 0 everything came back, 1 something did not (it is named), 2 nothing could be done.
Not restored: owners, extended attributes, set-user-id bits. What is restored belongs to who runs this.
"""
import argparse, datetime, hashlib, hmac, io, os, re, struct, sys, unicodedata
import argon2.low_level, cbor2, zstandard
from blake3 import blake3
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from mnemonic import Mnemonic

REPOSITORY, SLOT, DATA, LISTING, INDEX, SNAPSHOT = 0, 1, 2, 3, 4, 5          # kinds of objects, §1
FOLDER = {SLOT: "keys", DATA: "packs", LISTING: "listings", INDEX: "index", SNAPSHOT: "snapshots"}
CHUNK, FOOTER, TRAILER, PAD, PREFACE, PAYLOAD, RECORD_PAD, SECRET, LABEL = range(9)      # roles, §4
COMMITMENT_AT = {SLOT: 80, DATA: 148, LISTING: 148}     # all others 64; ends the part called H, §2
HEADER_LENGTH = {SLOT: 144, DATA: 212, LISTING: 212}    # all others 96
MAX_PACK, MAX_PACK_CHUNKS = 100_663_296, 16_384         # §5
MAX_CHUNK, MAX_SMALL, MAX_RECORD = 8_388_608, 1_048_576, 33_554_432      # plain lengths, §4
MAX_RECORD_OBJECT = 41_943_040                          # stored length, §4

class Bad(Exception):
    """Something is damaged, missing or not what it claims to be."""
def need(condition, message):
    if not condition:
        raise Bad(message)
def supported(condition, what):
    need(condition, f"unsupported, not corrupt: {what}; a newer restorer is needed")
def say(*words):
    print(*words, file=sys.stderr)

# ---------------------------------------------------------------------- keys: §3, HPKE: RFC 9180
def derive(context, secret, length=32):
    return blake3(secret, derive_key_context=context).digest(length=length)

class Keys:
    """Everything that follows from the secret of epoch 0, which is the master secret."""
    def __init__(self, secret):
        key = lambda name: derive("offsite format 1 " + name, secret + b"\0\0")
        self.repository_id, self.sessions = key("repository id")[:16], {}
        self.chunk_id = {DATA: key("content id key"), LISTING: key("metadata id key")}
        self.metadata, self.psk = key("metadata key"), key("session psk")
        self.private = X25519PrivateKey.from_private_bytes(key("content private key"))
    def subkey(self, kind):
        return derive("offsite format 1 metadata subkey", self.metadata + bytes([kind]))
    def session_key(self, header):
        """The key one run of a writer sealed for us with HPKE; it stands in each pack of the run. §5"""
        sealed = header[68:148]
        if sealed not in self.sessions:
            info = b"offsite session 1" + self.repository_id + header[12:14]
            self.sessions[sealed] = hpke_psk_open(self.private, sealed, info, self.psk, self.repository_id)
        return self.sessions[sealed]

def hpke_psk_open(private, message, info, psk, psk_id):
    """HPKE mode PSK: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305; empty AAD; message 0."""
    kem, suite = b"KEM" + bytes.fromhex("0020"), b"HPKE" + bytes.fromhex("002000010003")
    def extract(suite, salt, label, ikm):
        return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + ikm, "sha256")
    def expand(suite, prk, label, info, length):        # one block of HKDF: length is at most 32
        info = struct.pack(">H", length) + b"HPKE-v1" + suite + label + info
        return hmac.digest(prk, info + b"\x01", "sha256")[:length]

    enc, sealed, public = message[:32], message[32:], private.public_key().public_bytes_raw()
    try:
        dh = private.exchange(X25519PublicKey.from_public_bytes(enc))
        shared = expand(kem, extract(kem, b"", b"eae_prk", dh), b"shared_secret", enc + public, 32)
        context = b"\x01" + extract(suite, b"", b"psk_id_hash", psk_id) + extract(suite, b"", b"info_hash", info)
        secret = extract(suite, shared, b"secret", psk)
        cipher = ChaCha20Poly1305(expand(suite, secret, b"key", context, 32))
        return cipher.decrypt(expand(suite, secret, b"base_nonce", context, 12), sealed, b"")
    except (InvalidTag, ValueError):
        raise Bad("the session key does not authenticate")

# ------------------------------------------------------------- headers, frames, CBOR: §2, §4, §6
def check_header(data, kind, repository_id=None):
    """Returns the header of an object after checking all that needs no key."""
    need(len(data) >= 16 and data[:8] == b"offsite\n", "not an object of offsite (no magic)")
    version, found_kind, zero, epoch, length = struct.unpack("<HBBHH", data[8:16])
    supported(version == 1, f"format version {version}")
    need(found_kind == kind, f"is of kind {found_kind}, its place says {kind}")
    supported(epoch == 0 and zero == 0, f"key epoch {epoch}, reserved byte {zero}")
    need(length == HEADER_LENGTH.get(kind, 96) <= len(data), "wrong length of the header")
    need(repository_id in (None, data[16:32]), "belongs to repository " + data[16:32].hex())
    supported(kind not in (DATA, LISTING) or data[64:68] == b"\x01\0\0\0", f"suite {data[64:66].hex()}")
    return data[:length]

def frame_key(part, secret, header):
    """The key of the frames of `body` or `tail`, after comparing its commitment in the header."""
    start = COMMITMENT_AT.get(header[10], 64)
    both = derive(f"offsite format 1 {part} key", secret + header[:start], 64)
    at = start if part == "body" else start + 32
    need(hmac.compare_digest(both[32:], header[at:at + 32]), f"the {part} key does not match its commitment")
    return both[:32]

def open_frame(key, kind, role, position, sealed, plain_length, codec=0):
    """Checks the tag of one frame and returns its content, decompressed."""
    supported(codec in (0, 1), f"codec {codec}")
    need(0 <= plain_length <= (MAX_SMALL if (kind, role) in ((LISTING, CHUNK), (SNAPSHOT, PAYLOAD)) else MAX_CHUNK if kind in (DATA, LISTING) else MAX_RECORD), "impossible length")
    associated = struct.pack("<BBBBIII", kind, role, codec, 0, position, plain_length, len(sealed))
    try:
        data = ChaCha20Poly1305(key).decrypt(struct.pack("<I", position) + bytes(8), sealed, associated)
    except InvalidTag:
        raise Bad(f"a frame of role {role} does not authenticate")
    if codec == 1:
        try:                            # never make more than plain_length, whatever the frame claims
            need(zstandard.frame_content_size(data) in (-1, plain_length), "wrong length after decompression")
            data = zstandard.ZstdDecompressor().decompress(data, plain_length, allow_extra_data=False)
        except zstandard.ZstdError as error:
            raise Bad(f"zstd: {error}")
    need(len(data) == plain_length, "wrong length after decompression")
    return data
def open_pad(key, kind, role, sealed):
    need(not any(open_frame(key, kind, role, 2, sealed, len(sealed) - 16)), "padding is not zero")

def cbor_sequence(data):
    """All CBOR items of data, one after another."""
    items, stream = [], io.BytesIO(data)
    try:
        while stream.tell() < len(data):                        # read_size=1: so that tell() is exact
            items.append(cbor2.CBORDecoder(stream, read_size=1).decode())
        return items
    except Exception as error:                                  # whatever cbor2 finds wrong
        raise Bad(f"CBOR: {error}")

def field(record, key, kind, default=None):
    """record[key], which must be of that Python type; without a default it must be there."""
    value = record.get(key)
    if value is None:
        need(default is not None, f"field {key} is missing")
        return default
    need(type(value) is kind, f"field {key} has a wrong type")
    return value
def split_ids(data, most):
    need(isinstance(data, bytes) and len(data) % 32 == 0 and len(data) <= 32 * most, "a malformed list of ids")
    return [data[i:i + 32] for i in range(0, len(data), 32)]

def entry_key(root, path):
    """Checks a path and makes the key by which entries are ordered: `/` is below every other byte. §8"""
    need(root >= 0 and 0 < len(path) <= 32_768 and b"\0" not in path
         and all(part not in (b"", b".", b"..") for part in path.split(b"/")), f"unsafe path {path[:200]!r}")
    return root, path.replace(b"/", b"\0")

# ---------------------------------------------------------------------------------- repository
class Repository:
    def __init__(self, folder):
        self.folder, self.keys, self.warnings = folder, None, 0
        self.places = {DATA: {}, LISTING: {}}       # chunk id -> [(pack, header, offset, entry)]
        self.checked, self.scanned, self.body_keys = set(), False, {}

    def warn(self, text):
        self.warnings += 1
        say("warning:", text)
    def path(self, kind, name):
        return os.path.join(self.folder, FOLDER[kind], name[:2] if kind in (DATA, LISTING) else "", name)
    def names(self, kind):
        """Names (hashes) of all objects of a kind. Anything else that lies around is ignored. §1"""
        return sorted(name for where, _, files in os.walk(os.path.join(self.folder, FOLDER[kind]))
                      for name in files if re.fullmatch("[0-9a-f]{64}", name)
                      and os.path.join(where, name) == self.path(kind, name))

    def read_whole(self, kind, name, limit):
        """A small object; it is damaged if its bytes do not hash to its name. §1"""
        with open(self.path(kind, name), "rb") as file:
            data = file.read(limit + 1)
        need(len(data) <= limit, "larger than such an object can be")
        need(blake3(data).hexdigest() == name, "its bytes do not hash to its name")
        return data

    # -- opening: §7; §10 steps 1 and 2
    def unlock_with_passphrase(self, passphrase):
        names = sorted(self.names(SLOT), key=lambda name: os.path.getmtime(self.path(SLOT, name)))   # oldest first
        for name in names[:16]:
            try:
                data = self.read_whole(SLOT, name, 4096)
                header = check_header(data, SLOT)
                supported(header[64:68] == b"\x01\0\0\0", f"key derivation {header[64]}")
                memory, passes, lanes = struct.unpack("<III", header[68:80])
                need(0 < passes <= 16 and 0 < lanes <= 16 and 8 * lanes <= memory <= 1_048_576, "cost out of bounds")
                body = frame_key("body", argon2.low_level.hash_secret_raw(
                    unicodedata.normalize("NFC", passphrase).encode(), header[32:64], passes, memory, lanes, 32,
                    argon2.low_level.Type.ID, 0x13), header)
                keys = Keys(open_frame(body, SLOT, SECRET, 0, data[144:192], 32))
                need(keys.repository_id == header[16:32], "holds the secret of another repository")
                self.keys = keys
                tail = frame_key("tail", keys.subkey(SLOT), header)
                open_frame(tail, SLOT, LABEL, 0, data[192:], len(data) - 208)
            except (Bad, OSError) as error:         # the wrong commitment: made with another passphrase
                self.warn(f"keys/{name}: {error}")
            if self.keys:                           # a bad label makes the slot no less usable
                return
        raise Bad(f"of {len(names)} key slots none (of the first 16) opens with this passphrase; use the 24 words")

    # -- records: §6
    def open_record(self, kind, data):
        header = check_header(data, kind, self.keys.repository_id)
        key = frame_key("body", self.keys.subkey(kind), header)
        preface = open_frame(key, kind, PREFACE, 0, data[96:128], 16)
        stored, plain, codec, _ = struct.unpack("<IIB7s", preface)
        need(128 + stored + 16 <= len(data), "the lengths in its preface do not fit")
        payload = cbor_sequence(open_frame(key, kind, PAYLOAD, 1, data[128:128 + stored], plain, codec))
        open_pad(key, kind, RECORD_PAD, data[128 + stored:])
        need(len(payload) == 1 and isinstance(payload[0], dict), "its payload is not one CBOR map")
        return payload[0]

    def records(self, kind, use):
        """Calls use(name, record) for every record of a kind that can be opened."""
        for name in self.names(kind):
            try:
                use(name, self.open_record(kind, self.read_whole(kind, name, MAX_RECORD_OBJECT)))
            except (Bad, OSError) as error:
                self.warn(f"{FOLDER[kind]}/{name}: {error}")

    def snapshots(self):
        """All snapshots as (time, id, record), oldest first."""
        found = []
        def use(name, record):
            need([type(part) for part in field(record, 12, list)] == [int, bytes], "a malformed place of the listing")
            field(record, 4, str), field(record, 14, dict)
            need(abs(field(record, 0, int)) < 2 ** 63, "an impossible time")
            found.append((record[0], name, record))
        self.records(SNAPSHOT, use)
        return sorted(found, key=lambda item: item[:2])

    # -- where chunks lie: §5, §6
    def add_footer(self, kind, name, header, footer):
        """Takes the place of every chunk that a footer (or an index segment) names; returns the body's length."""
        need(len(footer) % 44 == 0 and len(footer) <= 44 * MAX_PACK_CHUNKS, "a footer of a wrong length")
        offset, positions = 212, set()
        for chunk, stored, plain, position, codec, zero in struct.iter_unpack("<32sIIHBB", footer):
            need(position < MAX_PACK_CHUNKS and position not in positions, "a position occurs twice or is too high")
            need(stored >= 16 and zero == 0, "a malformed entry")
            positions.add(position)
            places = self.places[kind].setdefault(chunk, [])
            place = (name, header, offset, (stored, plain, position, codec))
            if place not in places:                 # a wrong place does no harm: it is tried and skipped
                places.append(place)
            offset += stored
        return offset - 212

    def load_index(self):
        """Index segments say which chunks lie in which packs. They are a hint: see chunk(). §9"""
        def use(_, record):
            for pack in field(record, 3, list):
                need(isinstance(pack, dict), "a pack is not a map")
                if field(pack, 2, int) in (0, 1, 2):        # other classes are a newer writer's
                    kind = LISTING if pack[2] == 2 else DATA
                    header = check_header(field(pack, 4, bytes), kind, self.keys.repository_id)
                    self.add_footer(kind, field(pack, 0, bytes).hex(), header, field(pack, 5, bytes))
        self.records(INDEX, use)

    def check_pack(self, kind, name):
        """Checks all of a pack but its chunks, once, and takes the places of chunks from its footer. A damaged
        pack is only reported: those of its chunks that still authenticate are good."""
        if name in self.checked:
            return
        try:
            with open(self.path(kind, name), "rb") as file:
                self.checked.add(name)
                length = os.fstat(file.fileno()).st_size
                need(212 + 16 + 16 + 252 <= length <= MAX_PACK, "impossible length")
                digest = blake3()
                for block in iter(lambda: file.read(1 << 20), b""):
                    digest.update(block)
                if digest.hexdigest() != name:
                    self.warn(f"{FOLDER[kind]}/{name}: its bytes do not hash to its name")
                file.seek(length - 252)
                header = check_header(file.read(212), kind, self.keys.repository_id)
                tail = frame_key("tail", self.keys.subkey(kind), header)
                body_length, footer_length, count, pack_class, zeros = struct.unpack(
                    "<QIIB7s", open_frame(tail, kind, TRAILER, 0, file.read(40), 24))
                supported(pack_class <= 2, f"class {pack_class} of pack")
                need((pack_class == 2) == (kind == LISTING) and not any(zeros), "its class does not fit its place")
                pad_length = length - 212 - body_length - footer_length - 252
                need(footer_length == 44 * count + 16 and pad_length >= 16, "its lengths do not add up")
                file.seek(212 + body_length)
                pad = file.read(pad_length)
                footer = open_frame(tail, kind, FOOTER, 1, file.read(footer_length), 44 * count)
                need(self.add_footer(kind, name, header, footer) == body_length, "its lengths do not add up")
                open_pad(tail, kind, PAD, pad)
                file.seek(0)
                need(file.read(212) == header, "the two copies of its header differ")
        except (Bad, OSError) as error:
            self.warn(f"{FOLDER[kind]}/{name}: {error}")

    # -- reading chunks: §10 step 5, §8
    def chunk(self, kind, wanted):
        """The plaintext of one chunk, from any place where it is whole. kind: DATA or LISTING."""
        reasons, tried = [], 0
        while True:
            places = self.places[kind].get(wanted, [])[tried:]
            for name, header, offset, entry in places:
                try:
                    return self.read_chunk(kind, wanted, name, header, offset, *entry)
                except FileNotFoundError:
                    reasons.append(f"{FOLDER[kind]}/{name} is missing")
                except (Bad, OSError) as error:
                    reasons.append(f"in {FOLDER[kind]}/{name}: {error}")
            tried += len(places)
            if not places:
                need(not self.scanned, f"chunk {wanted.hex()[:16]}: " + ("; ".join(reasons) or "in no pack"))
                self.scanned = True                 # look into the footers of all packs, once
                for any_kind, name in [(k, n) for k in (LISTING, DATA) for n in self.names(k)]:
                    self.check_pack(any_kind, name)

    def read_chunk(self, kind, wanted, name, header, offset, stored, plain, position, codec):
        with open(self.path(kind, name), "rb") as file:
            self.check_pack(kind, name)
            need(offset + stored <= os.fstat(file.fileno()).st_size, "the pack is cut short")
            file.seek(offset)
            sealed = file.read(stored)
        if header not in self.body_keys:
            secret = self.keys.session_key(header) if kind == DATA else self.keys.subkey(LISTING)
            self.body_keys[header] = frame_key("body", secret, header)
        data = open_frame(self.body_keys[header], kind, CHUNK, position, sealed, plain, codec)
        need(blake3(data, key=self.keys.chunk_id[kind]).digest() == wanted, "content does not match the chunk id")
        return data

    def metadata(self, wanted, start):
        """A metadata chunk without its first bytes: the role and, for some roles, the level."""
        data = self.chunk(LISTING, wanted)
        need(data.startswith(start), f"metadata chunk {wanted.hex()[:16]} has a wrong role or level")
        return data[len(start):]

    def entries(self, level, wanted, report, first=None, until=None):
        """Yields (key, entry) of a listing in order, each key from `first` on and below `until`.
        Parts that cannot be read or break the order are reported; the parts beside them still come."""
        last = None
        try:
            need(0 <= level <= 8, "too many levels")
            items = cbor_sequence(self.metadata(wanted, bytes([2, level]) if level else b"\x01"))
            need(items or first is None and level == 0, "a part of a listing is empty")
            for number, item in enumerate(items):
                need(type(item) is (list if level else dict), "a malformed entry or node")
                item = dict(enumerate(item)) if level else item         # both hold root 0, path 1; a node id 2
                key = entry_key(field(item, 0, int), field(item, 1, bytes))
                need((last is None or last < key) and (until is None or key < until), "the listing is out of order")
                need(number or first in (None, key), "a part of the listing does not begin where it should")
                items[number], last = (key, item), key
            for (key, item), (end, _) in zip(items, items[1:] + [(until, None)]):
                yield from self.entries(level - 1, field(item, 2, bytes), report, key, end) if level else [(key, item)]
        except Bad as error:
            start, end = ("one end" if key is None else repr(key[1].replace(b"\0", b"/")) for key in (first, until))
            report(f"the part of the listing from {start} to {end}", error)

    def content_ids(self, level, ids, most=512):
        """The ids of the chunks of a file, in order. Above level 0, ids are those of id lists."""
        for one in split_ids(ids, most):
            if level == 0:
                yield one
            else:
                yield from self.content_ids(level - 1, self.metadata(one, bytes([3, level])), 4096)

# ------------------------------------------------------------------------------------- restore
class Restore:
    """Into an empty folder: files first, symbolic links after all files, times and modes of folders last.
    So no link is there yet that could lead a file out of the folder."""
    def __init__(self, repository, target):
        self.repository, self.target = repository, os.fsencode(os.path.abspath(target))
        self.failed, self.restored, self.obstacle = 0, 0, None
        self.folders, self.links, self.files = [], [], {}

    def report(self, what, error):
        self.failed += 1
        say(f"NOT RESTORED: {what}: {error}")
    def attempt(self, action, entry, counts=1):
        try:
            action(entry, os.path.join(self.target, entry[1]))
            self.restored += counts
        except (Bad, OSError, OverflowError, ValueError) as error:
            self.report(repr(entry[1])[1:], error)

    def run(self, record):
        for key, entry in self.repository.entries(*record[12], self.report):
            self.attempt(self.entry, entry, counts=entry.get(2) in (0, 3))
        for entry in self.links:
            self.attempt(self.symbolic_link, entry)
        for entry in reversed(self.folders):
            self.attempt(self.mode_and_time, entry)

    def entry(self, entry, path):
        kind, beneath = field(entry, 2, int), self.obstacle is not None and entry[0] == self.obstacle[0]
        need(not (beneath and entry[1].startswith(self.obstacle[1] + b"/")), "lies beneath something not a folder")
        os.makedirs(path if kind == 1 else os.path.dirname(path), exist_ok=True)
        if kind != 1:
            self.obstacle = entry[0], entry[1]
        supported(0 <= kind <= 3, f"type {kind} of entry")
        later = lambda entry, path: (self.folders if kind == 1 else self.links).append(entry)
        (self.file, later, later, self.hard_link)[kind](entry, path)

    def mode_and_time(self, entry, at):
        if 3 in entry:                              # never set-user-id or set-group-id: the owner is another
            os.chmod(at, field(entry, 3, int) & 0o1777)
        if 8 in entry:
            os.utime(at, ns=(field(entry, 8, int),) * 2)

    def file(self, entry, path):
        size, length, sha1 = field(entry, 11, int, 0), 0, hashlib.sha1()
        ids = field(entry, 16, list, [0, field(entry, 15, bytes, b"")])     # level and ids
        need(len(ids) == 2 and ids[0] in ((1, 2, 3, 4) if 16 in entry else (0,)), "malformed chunk ids")
        with open(path, "xb") as file:              # x: never over something that is there
            try:
                for one in self.repository.content_ids(*ids):
                    data = self.repository.chunk(DATA, one)
                    length += len(data)
                    need(data and length <= size, f"longer than the {size} bytes its entry says")
                    sha1.update(data)
                    file.write(data)
                need(length == size, f"has {length} bytes, its entry says {size}")
                need(field(entry, 14, bytes) == sha1.digest(), "SHA-1 differs from its entry")
                file.flush()
            except (Bad, OSError):
                os.unlink(path)
                raise
            self.mode_and_time(entry, file.fileno())
        self.files[repr([entry[0], entry[1]])] = [entry.get(key) for key in (14, 15, 16)]

    def hard_link(self, entry, path):
        """A link to the first file of its group, or a file of its own if that one did not come back."""
        first = field(entry, 17, list)
        if self.files.get(repr(first)) != [entry.get(key) for key in (14, 15, 16)]:
            return self.file(entry, path)
        os.link(os.path.join(self.target, first[1]), path, follow_symlinks=False)
    def symbolic_link(self, entry, path):
        os.symlink(field(entry, 12, bytes), path)
        if 8 in entry:
            os.utime(path, ns=(field(entry, 8, int),) * 2, follow_symlinks=False)
def when(nanoseconds):
    return f"{datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=nanoseconds // 10**9)} UTC"

def main():
    parser = argparse.ArgumentParser(description="Restore from a repository of offsite.")
    parser.add_argument("repository")
    secret = parser.add_mutually_exclusive_group(required=True)
    secret.add_argument("--words-file", help="text file with the 24 words")
    secret.add_argument("--passphrase-file", help="text file with the passphrase")
    parser.add_argument("--repository-id", type=str.lower, help="32 hex digits: refuse any other repository")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list")
    restore = commands.add_parser("restore")
    restore.add_argument("snapshot", nargs="?", default="latest", help="the beginning of an id, or latest")
    restore.add_argument("target", help="an empty or new folder")
    options = parser.parse_args()
    need(os.path.isdir(options.repository), f"{options.repository} is not a folder")
    repository = Repository(options.repository)
    with open(options.words_file or options.passphrase_file, encoding="utf-8") as file:
        text = file.read()
    if options.words_file:
        words = re.findall("[a-z]+", text.lower())
        need(len(words) == 24 and Mnemonic("english").check(" ".join(words)), "these are not the 24 words in order")
        repository.keys = Keys(bytes(Mnemonic("english").to_entropy(words)))
    else:
        repository.unlock_with_passphrase(text.rstrip("\r\n"))
    its_id = repository.keys.repository_id.hex()
    need(options.repository_id in (None, its_id), f"the secret is that of repository {its_id}")
    try:
        with open(os.path.join(options.repository, "repository"), "rb") as file:
            repository.open_record(REPOSITORY, file.read(1024))
    except (Bad, OSError) as error:                 # nothing in it is needed to restore
        repository.warn(f"the object `repository`: {error}; going on without it")
    before = repository.warnings
    snapshots = repository.snapshots()
    unread = repository.warnings - before
    need(snapshots, f"no snapshot opens with the secret of repository {its_id}")

    if options.command == "list":
        for time, name, record in snapshots:
            suspect = f"  SUSPECT: {record[17]!r}" if record.get(17) else ""
            print(f"{name[:16]}  {when(time)}  {record[4]!r}  {record[14].get(0, 0)} files{suspect}")
        return 1 if unread else 0
    latest = options.snapshot == "latest"
    chosen = snapshots[-1:] if latest else [one for one in snapshots if one[1].startswith(options.snapshot)]
    if latest and unread:
        say(f"note: of the snapshots {unread} could not be read: one may be newer")
    need(len(chosen) == 1, f"{len(chosen)} snapshots begin with {options.snapshot}")
    time, name, record = chosen[0]
    say(f"restoring snapshot {name} of {when(time)} to {options.target}")
    for key in {16, 17} & set(record):
        say("note:", {16: "problems when it was made:", 17: "suspect:"}[key], record[key])
    os.makedirs(options.target, exist_ok=True)
    need(not os.listdir(options.target), f"{options.target} is not empty")
    repository.load_index()
    run = Restore(repository, options.target)
    run.run(record)
    say(f"{run.restored} entries restored, {run.failed} problems, {repository.warnings} warnings")
    return 1 if run.failed or unread and latest else 0

if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Bad, OSError) as error:
        say("error:", error)
        sys.exit(2)
