//! Looking through a `torch.save` file for code before it is read.
//!
//! A pickle can name any function of Python's and ask for it to be called; `torch.load` of old did so. Nothing is called
//! here, and the reader takes what it does not know for nothing; but a file that names anything but tensors was not made
//! for reading weights, and is refused. What may be named is what `torch.load(weights_only=True)` allows
//! (`torch/_weights_only_unpickler.py`). Opcodes: Python's `pickletools`.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;

use zip::{CompressionMethod, ZipArchive};

use crate::files::{self, Kind};

/// Bytes of the longest pickle, of the longest line in one, and of the longest text that may be the name of something.
const LONGEST: u64 = 100 << 20;
const LONGEST_LINE: u64 = 1 << 16;
const LONGEST_NAME: u64 = 256;
/// Pickles before the storages of a file of PyTorch 1.5 or older: magic number, version, machine, tensors, keys.
const LEGACY: usize = 5;
/// The magic number that such a file begins with, as pickles write it.
const MAGIC: &[u8] = b"\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";

/// Looks through a file; says what is wrong with it.
pub(super) fn check(path: &Path) -> Result<(), String> {
    let mut file = BufReader::new(files::open(path, Kind::File).map_err(|error| error.to_string())?);
    let start = file.fill_buf().map_err(|error| error.to_string())?;
    if start.starts_with(b"PK") {
        let mut archive = ZipArchive::new(file).map_err(damaged)?;
        return check_pickles(&mut Cursor::new(pickle_of(&mut archive)?), 1);
    }
    let is_legacy = start[..start.len().min(64)].windows(MAGIC.len()).any(|part| part == MAGIC);
    if !is_legacy {
        return Err(
            "not a PyTorch weight file of version 0.4 or later; load it with PyTorch and save its state_dict() anew"
                .into(),
        );
    }
    check_pickles(&mut file, LEGACY)
}

fn check_pickles(from: &mut impl BufRead, pickles: usize) -> Result<(), String> {
    for _ in 0..pickles {
        let named = names(&mut from.by_ref().take(LONGEST)).map_err(damaged)?;
        if let Some(named) = named.into_iter().find(|named| !named.as_deref().is_some_and(is_data)) {
            let named = named.unwrap_or_else(|| "something whose name it makes up".into());
            return Err(format!(
                "it holds code, and none of it was run: it names `{named}`, where weights need tensors only; take the model's safetensors file, or load it where you trust it and save its state_dict()"
            ));
        }
    }
    Ok(())
}

fn damaged(error: impl ToString) -> String {
    format!("not a PyTorch weight file ({}); fetch it again", error.to_string())
}

/// The pickle of an archive. Values are stored as they are in it: packed, a small file could unpack to any size.
fn pickle_of<R: Read + io::Seek>(archive: &mut ZipArchive<R>) -> Result<Vec<u8>, String> {
    let mut found: Option<(usize, String)> = None;
    for at in 0..archive.len() {
        let part = archive.by_index_raw(at).map_err(damaged)?;
        let name = part.name().map_err(damaged)?.into_owned();
        let is_values = (name.starts_with("data/") || name.contains("/data/")) && !name.ends_with('/');
        if is_values && part.compression() != CompressionMethod::Stored {
            return Err(format!(
                "`{name}` in it is compressed, which torch.save does not do; unpack it, or fetch it again"
            ));
        }
        let root = name.strip_suffix("data.pkl").filter(|root| root.is_empty() || root.ends_with('/'));
        if let Some(root) = root
            && found.as_ref().is_none_or(|(_, known)| root.len() < known.len())
        {
            found = Some((at, root.to_owned()));
        }
    }
    let (at, _) = found.ok_or_else(|| damaged("there is no data.pkl in it"))?;
    let mut pickle = Vec::new();
    let part = archive.by_index(at).map_err(damaged)?;
    part.take(LONGEST + 1).read_to_end(&mut pickle).map_err(damaged)?;
    if pickle.len() as u64 > LONGEST { Err(damaged("its data.pkl is too long")) } else { Ok(pickle) }
}

/// Whether a class or function of Python's makes nothing but tensors and plain values.
fn is_data(name: &str) -> bool {
    let Some((module, name)) = name.rsplit_once('.') else { return false };
    match module {
        "collections" => matches!(name, "OrderedDict" | "Counter"),
        "torch" => matches!(name, "Size" | "Tensor" | "device") || is_dtype(name) || name.ends_with("Storage"),
        "torch.cuda" => name.ends_with("Storage"),
        "torch.storage" => matches!(name, "UntypedStorage" | "TypedStorage"),
        "torch.nn.parameter" => name == "Parameter",
        "torch._utils" => name.starts_with("_rebuild_"),
        "torch._tensor" => name == "_rebuild_from_type_v2",
        "torch.serialization" => name == "_get_layout",
        "_codecs" => name == "encode",
        "builtins" | "__builtin__" => matches!(name, "set" | "frozenset" | "bytearray" | "complex"),
        _ => false,
    }
}

fn is_dtype(name: &str) -> bool {
    let bits = name.trim_start_matches(|letter: char| letter.is_ascii_lowercase());
    let kind = &name[..name.len() - bits.len()];
    matches!(name, "float" | "double" | "half" | "bool" | "int" | "long" | "short")
        || matches!(kind, "float" | "bfloat" | "int" | "uint" | "complex")
            && bits.starts_with(|digit: char| digit.is_ascii_digit())
}

/// Every class and function that one pickle names, as `module.name`; `None` for one whose name is made while it is read.
fn names(from: &mut impl BufRead) -> io::Result<Vec<Option<String>>> {
    let mut pickle = Pickle { from, last: [None, None], memo: HashMap::new() };
    let mut names = Vec::new();
    loop {
        match pickle.byte()? {
            b'.' => return Ok(names),
            b'c' | b'i' => {
                let (module, name) = (pickle.line()?, pickle.line()?);
                names.push(Some(format!("{module}.{name}")));
                pickle.push(None);
            }
            0x93 => {
                let name = match &pickle.last {
                    [Some(module), Some(name)] => Some(format!("{module}.{name}")),
                    _ => None,
                };
                names.push(name);
                pickle.push(None);
            }
            // The extension registry, which names by number.
            0x82..=0x84 => return Ok(vec![None]),
            code => pickle.skip(code)?,
        }
    }
}

/// A pickle that is looked through. Of the stack only the two values pushed last are known, and only where they are texts.
struct Pickle<'a, R> {
    from: &'a mut R,
    last: [Option<String>; 2],
    memo: HashMap<u64, Option<String>>,
}

impl<R: BufRead> Pickle<'_, R> {
    fn byte(&mut self) -> io::Result<u8> {
        let mut byte = [0];
        self.from.read_exact(&mut byte)?;
        Ok(byte[0])
    }

    /// A little-endian number of so many bytes.
    fn number(&mut self, bytes: usize) -> io::Result<u64> {
        let mut number = [0; 8];
        self.from.read_exact(&mut number[..bytes])?;
        Ok(u64::from_le_bytes(number))
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        self.from.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)?;
        match line.pop() {
            Some(b'\n') => Ok(String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned()),
            _ => Err(io::Error::new(io::ErrorKind::InvalidData, "a line of its pickle does not end")),
        }
    }

    fn skip_bytes(&mut self, bytes: u64) -> io::Result<()> {
        match io::copy(&mut self.from.by_ref().take(bytes), &mut io::sink())? == bytes {
            true => Ok(()),
            false => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// A text of so many bytes; a long one is nobody's name.
    fn text(&mut self, bytes: u64) -> io::Result<()> {
        if bytes > LONGEST_NAME {
            self.push(None);
            return self.skip_bytes(bytes);
        }
        let mut text = vec![0; bytes as usize];
        self.from.read_exact(&mut text)?;
        self.push(String::from_utf8(text).ok());
        Ok(())
    }

    fn push(&mut self, value: Option<String>) {
        self.last = [self.last[1].take(), value];
    }

    fn remember(&mut self, place: u64) {
        self.memo.insert(place, self.last[1].clone());
    }

    fn recall(&mut self, place: Option<u64>) {
        let value = place.and_then(|place| self.memo.get(&place).cloned()).flatten();
        self.push(value);
    }

    /// Whatever names nothing by itself.
    fn skip(&mut self, code: u8) -> io::Result<()> {
        match code {
            // Texts.
            b'X' => self.number(4).and_then(|bytes| self.text(bytes))?,
            0x8c => self.number(1).and_then(|bytes| self.text(bytes))?,
            0x8d => self.number(8).and_then(|bytes| self.text(bytes))?,
            // What was pushed before, again.
            b'h' => self.number(1).map(|place| self.recall(Some(place)))?,
            b'j' => self.number(4).map(|place| self.recall(Some(place)))?,
            b'g' => self.line().map(|place| self.recall(place.parse().ok()))?,
            0x94 => self.remember(self.memo.len() as u64),
            b'q' => self.number(1).map(|place| self.remember(place))?,
            b'r' => self.number(4).map(|place| self.remember(place))?,
            b'p' => self.line().map(|place| place.parse().map_or((), |place: u32| self.remember(place.into())))?,
            // The frame's length and the protocol stand beside the stack.
            0x95 => self.skip_bytes(8)?,
            0x80 => self.skip_bytes(1)?,
            // Everything else pushes or takes away something that is no text.
            b'S' | b'V' | b'F' | b'I' | b'L' | b'P' => {
                self.line()?;
                self.push(None);
            }
            _ => {
                let bytes = match code {
                    b'J' => 4,
                    b'K' => 1,
                    b'M' => 2,
                    b'G' => 8,
                    b'T' | b'B' | 0x8b => self.number(4)?,
                    b'U' | b'C' | 0x8a => self.number(1)?,
                    0x8e | 0x96 => self.number(8)?,
                    b'('
                    | b'0'
                    | b'1'
                    | b'2'
                    | b'N'
                    | b'Q'
                    | b'R'
                    | b'a'
                    | b'b'
                    | b'd'
                    | b'}'
                    | b'e'
                    | b'l'
                    | b']'
                    | b'o'
                    | b's'
                    | b't'
                    | b')'
                    | b'u'
                    | 0x81
                    | 0x85..=0x89
                    | 0x8f..=0x92
                    | 0x97
                    | 0x98 => 0,
                    other => {
                        let why = format!("its pickle holds {other:#04x}, which means nothing");
                        return Err(io::Error::new(io::ErrorKind::InvalidData, why));
                    }
                };
                self.skip_bytes(bytes)?;
                self.push(None);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(pickle: &[u8]) -> Vec<Option<String>> {
        names(&mut Cursor::new(pickle)).unwrap()
    }

    fn one(name: &str) -> Vec<Option<String>> {
        vec![Some(name.into())]
    }

    /// Pickles as Python 3's `pickle.dumps` writes them.
    #[test]
    fn whatever_a_pickle_calls_is_found() {
        // os.system("id"), protocols 0 and 2.
        assert_eq!(named(b"cposix\nsystem\np0\n(Vid\np1\ntp2\nRp3\n."), one("posix.system"));
        assert_eq!(
            named(b"\x80\x02cposix\nsystem\nq\x00X\x02\x00\x00\x00idq\x01\x85q\x02Rq\x03."),
            one("posix.system")
        );
        // Protocol 4, by the stack and by what was remembered.
        let four =
            b"\x80\x04\x95\x1d\0\0\0\0\0\0\0\x8c\x05posix\x94\x8c\x06system\x94\x93\x94\x8c\x02id\x94\x85\x94R\x94.";
        assert_eq!(named(four), one("posix.system"));
        assert_eq!(named(b"\x8c\x05posix\x94\x8c\x06system\x94N0h\x00h\x01\x93."), one("posix.system"));
        // A name that is made: whatever it is, it is not known.
        assert_eq!(named(b"\x8c\x05posixN\x93."), [None]);
        assert_eq!(named(b"\x82\x01."), [None]);
        assert_eq!(named(b"(ios\nsystem\n."), one("os.system"));
        // Called and thrown away.
        assert_eq!(named(b"}cos\nsystem\n(Vid\ntR0."), one("os.system"));
        assert!(names(&mut Cursor::new(b"}X\xff\xff\xff\x7f")).is_err());
        assert!(names(&mut Cursor::new(b"\xff.")).is_err());
    }

    #[test]
    fn tensors_may_be_named_and_nothing_else() {
        for name in [
            "collections.OrderedDict",
            "torch._utils._rebuild_tensor_v2",
            "torch.FloatStorage",
            "torch.BFloat16Storage",
            "torch.cuda.HalfStorage",
            "torch.float16",
            "torch.bfloat16",
            "torch.float8_e4m3fn",
            "torch.int",
            "torch.nn.parameter.Parameter",
            "torch._tensor._rebuild_from_type_v2",
        ] {
            assert!(is_data(name), "{name}");
        }
        for name in [
            "posix.system",
            "builtins.eval",
            "builtins.getattr",
            "torch.load",
            "torch.hub.load",
            "torch.storage._load_from_bytes",
            "torch._utils._import_dotted_name",
            "torch.interactive",
            "runpy._run_code",
            "OrderedDict",
            "",
        ] {
            assert!(!is_data(name), "{name}");
        }
    }
}
