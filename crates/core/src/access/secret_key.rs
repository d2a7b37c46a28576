//! The key of a data directory: encrypts secrets at rest and signs token values.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use chacha20poly1305::aead::{Aead, Key, KeyInit};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::clock::Random;
use crate::error::{Error, Result};

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;

/// The key of a data directory. Cheap to clone; never printed.
#[derive(Clone)]
pub struct SecretKey {
    bytes: Arc<[u8; KEY_BYTES]>,
    random: Random,
}

impl SecretKey {
    /// Reads the key file at `path`. Where there is none, makes one that only its owner can read.
    pub fn open(path: &Path, random: &Random) -> Result<SecretKey> {
        match fs::read(path) {
            Ok(bytes) => {
                let bytes = bytes.try_into().map_err(|bytes: Vec<u8>| {
                    Error::internal(format!(
                        "key file '{}' has {} bytes instead of {KEY_BYTES}: put the right file there",
                        path.display(),
                        bytes.len()
                    ))
                })?;
                Ok(SecretKey { bytes: Arc::new(bytes), random: random.clone() })
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => SecretKey::create(path, random),
            Err(error) => Err(cannot("read", path, &error)),
        }
    }

    fn create(path: &Path, random: &Random) -> Result<SecretKey> {
        let bytes = random.bytes();
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(|error| cannot("make", path, &error))?;
        file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(|error| cannot("write", path, &error))?;
        Ok(SecretKey { bytes: Arc::new(bytes), random: random.clone() })
    }

    /// A key of known bytes, for tests.
    pub fn from_bytes(bytes: [u8; KEY_BYTES]) -> SecretKey {
        SecretKey { bytes: Arc::new(bytes), random: Random::system() }
    }

    /// Encrypts `plain`: the answer holds a fresh nonce, then the sealed text.
    pub fn encrypt(&self, plain: &[u8]) -> Vec<u8> {
        let nonce: [u8; NONCE_BYTES] = self.random.bytes();
        let sealed = self
            .cipher()
            .encrypt(&XNonce::from(nonce), plain)
            .expect("sealing fails only for texts longer than the cipher's 256 GB");
        [&nonce[..], &sealed].concat()
    }

    /// Decrypts what [`SecretKey::encrypt`] made. It fails when the key is another one or the bytes were changed.
    pub fn decrypt(&self, sealed: &[u8]) -> Result<Vec<u8>> {
        let refuse = || {
            Error::internal("a stored secret cannot be decrypted: the key file is not the one it was encrypted with")
        };
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or_else(refuse)?;
        self.cipher().decrypt(&XNonce::from(*nonce), sealed).map_err(|_| refuse())
    }

    /// Signs `message`.
    pub fn sign(&self, message: &[u8]) -> [u8; 32] {
        let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(&self.bytes[..])
            .expect("this algorithm takes keys of any length");
        mac.update(message);
        mac.finalize().into_bytes().into()
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&Key::<XChaCha20Poly1305>::from(*self.bytes))
    }
}

impl std::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretKey")
    }
}

fn cannot(what: &str, path: &Path, error: &std::io::Error) -> Error {
    Error::internal(format!("cannot {what} key file '{}': {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_is_encrypted_comes_back_and_only_with_the_same_key() {
        let key = SecretKey::from_bytes([1; 32]);
        let sealed = key.encrypt(b"secret");
        assert_eq!(key.decrypt(&sealed).unwrap(), b"secret");
        assert_ne!(sealed, key.encrypt(b"secret"), "every text has a nonce of its own");
        assert!(SecretKey::from_bytes([2; 32]).decrypt(&sealed).is_err());
        assert!(key.decrypt(&sealed[..10]).is_err());
    }

    #[test]
    fn the_file_is_made_once_and_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret.key");
        let made = SecretKey::open(&path, &Random::system()).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let read = SecretKey::open(&path, &Random::system()).unwrap();
        assert_eq!(made.sign(b"x"), read.sign(b"x"));
        fs::write(&path, b"short").unwrap();
        assert!(SecretKey::open(&path, &Random::system()).is_err());
    }
}
