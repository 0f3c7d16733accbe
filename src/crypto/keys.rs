//! The two keys of a repository (format.md §3): the writer key that `init` leaves on the backup
//! host, and the read key that restores.

use bip39::{Language, Mnemonic};
use hpke::{Deserializable, Serializable};
use zeroize::{Zeroize, Zeroizing};

use super::{CryptoError, Secret};
use crate::id::{ChunkId, RepositoryId};

type Kem = hpke::kem::X25519HkdfSha256;

/// What a backup host holds: it can add, deduplicate, list and check names, but not read contents
/// back. Its holder can also read all metadata and test guesses of contents (threat-model.md).
#[derive(Clone)]
pub struct WriterKey {
    pub(super) repository: RepositoryId,
    pub(super) content_public: [u8; 32],
    pub(super) owner_public: [u8; 32],
    pub(super) content_id: Secret,
    pub(super) metadata_id: Secret,
    pub(super) gear: Secret,
    pub(super) cut: Secret,
    pub(super) metadata: Secret,
    pub(super) psk: Secret,
}

/// What restores: the master secret, and the writer key that follows from it.
#[derive(Clone)]
pub struct ReadKey {
    master: Secret,
    pub(super) content_private: Secret,
    writer: WriterKey,
}

/// The only key epoch of format 1.
pub(super) const EPOCH: u16 = 0;

impl ReadKey {
    /// Derives everything from the master secret.
    pub fn from_master(master: Secret) -> Self {
        let derive = |context: &str| {
            Secret::derive(context, &[master.expose().as_slice(), &EPOCH.to_le_bytes()])
        };
        let repository = derive("offsite format 1 repository id");
        let mut id = [0; RepositoryId::LEN];
        id.copy_from_slice(repository.expose().split_at(RepositoryId::LEN).0);
        let content_private = derive("offsite format 1 content private key");
        let owner =
            ed25519_dalek::SigningKey::from_bytes(derive("offsite format 1 owner key").expose());
        let writer = WriterKey {
            repository: RepositoryId::new(id),
            content_public: public_of(&content_private),
            owner_public: owner.verifying_key().to_bytes(),
            content_id: derive("offsite format 1 content id key"),
            metadata_id: derive("offsite format 1 metadata id key"),
            gear: derive("offsite format 1 gear key"),
            cut: derive("offsite format 1 cut key"),
            metadata: derive("offsite format 1 metadata key"),
            psk: derive("offsite format 1 session psk"),
        };
        Self {
            master,
            content_private,
            writer,
        }
    }

    /// From the 24 words of the recovery kit (BIP-39, English); case and extra blanks do not
    /// matter.
    ///
    /// # Errors
    /// `Words`: which word is unknown, or that the checksum does not fit.
    pub fn from_words(words: &str) -> Result<Self, CryptoError> {
        let lower = Zeroizing::new(words.to_lowercase());
        let mut mnemonic =
            Mnemonic::parse_in_normalized(Language::English, &lower).map_err(|error| {
                CryptoError::Words {
                    reason: words_hint(&error),
                }
            })?;
        let mut entropy = Zeroizing::new(mnemonic.to_entropy());
        mnemonic.zeroize();
        let mut bytes = Zeroizing::new([0; 32]);
        if entropy.len() != bytes.len() {
            let reason = format!("{} words are not 24", entropy.len() * 3 / 4);
            return Err(CryptoError::Words { reason });
        }
        bytes.copy_from_slice(&entropy);
        entropy.zeroize();
        Ok(Self::from_master(Secret::new(&bytes)))
    }

    /// The 24 words: whoever has them has everything.
    ///
    /// # Errors
    /// Never for a 32-byte secret; the type of BIP-39 demands it.
    pub fn words(&self) -> Result<Zeroizing<String>, CryptoError> {
        let mut mnemonic = Mnemonic::from_entropy_in(Language::English, self.master.expose())
            .map_err(|error| CryptoError::Words {
                reason: error.to_string(),
            })?;
        let mut words = Zeroizing::new(String::with_capacity(24 * 9));
        for (place, word) in mnemonic.words().enumerate() {
            if place > 0 {
                words.push(' ');
            }
            words.push_str(word);
        }
        mnemonic.zeroize();
        Ok(words)
    }

    /// The secret that key slots wrap.
    pub fn master(&self) -> &Secret {
        &self.master
    }

    pub fn writer(&self) -> &WriterKey {
        &self.writer
    }
}

fn public_of(private: &Secret) -> [u8; 32] {
    let mut public = [0; 32];
    // Any 32 bytes are an X25519 private key (RFC 7748 §5), so this cannot fail.
    if let Ok(key) = <Kem as hpke::Kem>::PrivateKey::from_bytes(private.expose()) {
        public.copy_from_slice(&<Kem as hpke::Kem>::sk_to_pk(&key).to_bytes());
    }
    public
}

/// The library numbers words from 0 and repeats none of them; a person counts from 1.
fn words_hint(error: &bip39::Error) -> String {
    match error {
        bip39::Error::UnknownWord(place) => format!("word {} is not in the list", place + 1),
        bip39::Error::BadWordCount(count) => format!("{count} words are not 24"),
        bip39::Error::InvalidChecksum => {
            "the checksum does not fit, so a word is wrong or two are swapped".to_owned()
        }
        other => other.to_string(),
    }
}

const FILE_VERSION: u16 = 1;
const FILE_BYTES: usize = 2 + 2 + RepositoryId::LEN + 8 * 32 + 8;

impl WriterKey {
    pub fn repository(&self) -> RepositoryId {
        self.repository
    }

    /// The identity of a piece of a file or a dump.
    pub fn content_id(&self, plaintext: &[u8]) -> ChunkId {
        ChunkId::new(*blake3::keyed_hash(self.content_id.expose(), plaintext).as_bytes())
    }

    /// The identity of a metadata chunk.
    pub fn metadata_id(&self, plaintext: &[u8]) -> ChunkId {
        ChunkId::new(*blake3::keyed_hash(self.metadata_id.expose(), plaintext).as_bytes())
    }

    /// The gear table of the chunker.
    pub fn gear(&self) -> Box<[u64; 256]> {
        let mut output = Zeroizing::new([0; 2048]);
        blake3::Hasher::new_keyed(self.gear.expose())
            .finalize_xof()
            .fill(output.as_mut_slice());
        let mut table = Box::new([0; 256]);
        for (entry, bytes) in table.iter_mut().zip(output.as_chunks::<8>().0) {
            *entry = u64::from_le_bytes(*bytes);
        }
        table
    }

    /// Whether a listing's leaf or node ends after this key: the first byte of the keyed hash is 0.
    pub fn cuts_after(&self, root: u32, path: &[u8]) -> bool {
        let mut hasher = blake3::Hasher::new_keyed(self.cut.expose());
        hasher.update(&root.to_le_bytes()).update(path);
        hasher.finalize().as_bytes().first() == Some(&0)
    }

    /// The key from which objects of a kind are sealed; the wire number of the kind.
    pub fn subkey(&self, kind: u8) -> Secret {
        let parts: &[&[u8]] = &[self.metadata.expose(), &[kind]];
        Secret::derive("offsite format 1 metadata subkey", parts)
    }

    /// The form in which the key lies in `writer.key`: version, epoch, all parts in the order of
    /// format.md §3, eight bytes of BLAKE3 to notice a damaged file.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(FILE_BYTES));
        bytes.extend_from_slice(&FILE_VERSION.to_le_bytes());
        bytes.extend_from_slice(&EPOCH.to_le_bytes());
        bytes.extend_from_slice(self.repository.as_bytes());
        for secret in [
            &self.content_id,
            &self.metadata_id,
            &self.gear,
            &self.cut,
            &self.metadata,
        ] {
            bytes.extend_from_slice(secret.expose());
        }
        bytes.extend_from_slice(self.psk.expose());
        bytes.extend_from_slice(&self.content_public);
        bytes.extend_from_slice(&self.owner_public);
        let check = blake3::hash(&bytes);
        bytes.extend_from_slice(check.as_bytes().split_at(8).0);
        bytes
    }

    /// # Errors
    /// `WriterKeyFile` when the length, the version or the check do not fit.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CryptoError> {
        let wrong = CryptoError::WriterKeyFile;
        if bytes.len() != FILE_BYTES {
            return Err(wrong);
        }
        let (content, check) = bytes.split_at(FILE_BYTES - 8);
        if !blake3::hash(content).as_bytes().starts_with(check) {
            return Err(wrong);
        }
        let (versions, rest) = content.split_at(4);
        if versions != [FILE_VERSION.to_le_bytes(), EPOCH.to_le_bytes()].as_flattened() {
            return Err(wrong);
        }
        let (repository, rest) = rest.split_at(RepositoryId::LEN);
        let [
            content_id,
            metadata_id,
            gear,
            cut,
            metadata,
            psk,
            content_public,
            owner_public,
        ] = rest.as_chunks::<32>().0
        else {
            return Err(wrong);
        };
        Ok(Self {
            repository: RepositoryId::from_slice(repository).ok_or(wrong)?,
            content_public: *content_public,
            owner_public: *owner_public,
            content_id: Secret::new(content_id),
            metadata_id: Secret::new(metadata_id),
            gear: Secret::new(gear),
            cut: Secret::new(cut),
            metadata: Secret::new(metadata),
            psk: Secret::new(psk),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> ReadKey {
        ReadKey::from_master(Secret::new(&std::array::from_fn(|i| i as u8)))
    }

    #[test]
    fn words_bring_back_the_same_key() {
        let key = key();
        let words = key.words().unwrap();
        assert_eq!(words.split(' ').count(), 24);
        let again = ReadKey::from_words(&format!("  {}\n", words.to_uppercase())).unwrap();
        assert_eq!(
            again.writer().to_bytes().as_slice(),
            key.writer().to_bytes().as_slice()
        );
    }

    #[test]
    fn mistyped_words_say_what_is_wrong() {
        let words = key().words().unwrap();
        let typo = words.replacen(' ', " zzz", 1);
        let twelve = words.split(' ').take(12).collect::<Vec<_>>().join(" ");
        let mut swapped: Vec<&str> = words.split(' ').collect();
        swapped.swap(3, 9);
        for (text, expected) in [
            (typo.as_str(), "word 2 is not in the list"),
            (twelve.as_str(), ""),
            (&swapped.join(" "), "checksum"),
            ("", "0 words"),
        ] {
            let Err(CryptoError::Words { reason }) = ReadKey::from_words(text) else {
                panic!("accepted wrong words");
            };
            assert!(
                reason.contains(expected),
                "{reason} does not say {expected}"
            );
        }
    }

    #[test]
    fn a_writer_key_survives_its_file_and_damage_is_seen() {
        let bytes = key().writer().to_bytes();
        let again = WriterKey::from_bytes(&bytes).ok().unwrap();
        assert_eq!(again.to_bytes().as_slice(), bytes.as_slice());
        for place in 0..bytes.len() {
            let mut damaged = bytes.to_vec();
            damaged[place] ^= 1;
            assert!(
                WriterKey::from_bytes(&damaged).is_err(),
                "byte {place} altered unseen"
            );
        }
        assert!(WriterKey::from_bytes(&bytes[1..]).is_err());
    }
}
