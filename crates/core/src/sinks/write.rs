//! One run: rows from the engine, dealt out to files, sent in parts, and made visible together at its end.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt};
use object_store::MultipartId;
use object_store::multipart::PartId;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::files::{Files, Layout, Part};
use super::rows::{LineCount, RowReader};
use super::spool::Spool;
use super::{Bucket, Destination, FileNames, WriteStrategy, extension};
use crate::access::Access;
use crate::error::{Error, Result};
use crate::jobs::Context;
use crate::model::FileOutput;
use crate::read::RowStream;

/// Bytes of the stream that are worked on at once.
const CHUNK_BYTES: usize = 1 << 20;

/// Requests to the store at once: those that write, and those that only ask.
const AT_ONCE: usize = 4;
const ASKED_AT_ONCE: usize = 16;

/// Files that are recorded at once before they are written: few, as a run that is cut off does not know which of them are.
const RECORDED_AT_ONCE: usize = 256;

/// What a run writes, and where.
pub(crate) struct Run<'a> {
    /// The bucket.
    pub(crate) bucket: &'a Bucket,
    /// Where in it.
    pub(crate) destination: &'a Destination,
    /// The files.
    pub(crate) output: &'a FileOutput,
    /// Their names.
    pub(crate) names: FileNames,
    /// The header line of CSV.
    pub(crate) header: Vec<u8>,
    /// How the rows come.
    pub(crate) stream: RowStream,
    /// Whether the engine tells at the end how many they were; rows of text that goes on as it comes need not be counted then.
    pub(crate) engine_counts: bool,
    /// How many bytes the store has so far.
    pub(crate) progress: &'a AtomicU64,
    /// Held until the last row is read: no table that the query names is dropped before. What is sent then may take hours.
    pub(crate) access: Access,
    /// Where bytes are put aside, and under which name.
    pub(crate) spool: (&'a Path, String),
}

/// What a run has begun in the bucket: recorded before it is done, so that a run that ends badly can be undone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Begun {
    /// Files that came in parts and are not complete: key and id.
    pub(crate) uploads: Vec<(String, String)>,
    /// Files that were not there before and may be there now.
    pub(crate) files: Vec<String>,
    /// Whether all files are there.
    #[serde(default)]
    pub(crate) is_done: bool,
}

/// What a run wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Written {
    /// Rows; none where counting them is the engine's.
    pub(crate) rows: Option<u64>,
    /// Bytes, as the store has them.
    pub(crate) bytes: u64,
    /// Keys of the files.
    pub(crate) files: Vec<String>,
}

/// A file that comes in parts.
struct Upload {
    key: String,
    id: MultipartId,
    parts: Vec<PartId>,
}

/// Writes all rows, and keeps what it begins in the bucket as the job's checkpoint. Nothing is visible before the last row
/// was read; a failure leaves what was recorded, to be undone.
pub(crate) async fn write<E>(
    run: Run<'_>,
    rows: impl Stream<Item = Result<Bytes, E>>,
    failed: impl Fn(E) -> Error,
    context: &Context,
) -> Result<Written> {
    let mut writer = Writer {
        bucket: run.bucket,
        destination: run.destination,
        extension: extension(run.output.format, run.output.compression),
        strategy: run.output.write_strategy,
        begun: Begun::default(),
        uploads: HashMap::new(),
        context,
        numbers: Mutex::default(),
        bytes: 0,
    };
    let mut files = Some(files(&run));
    let mut rows = std::pin::pin!(rows);
    let (mut waiting, mut waiting_bytes) = (Vec::new(), 0);
    while let Some(bytes) = rows.next().await {
        let bytes = bytes.map_err(&failed)?;
        waiting_bytes += bytes.len();
        waiting.push(bytes);
        if waiting_bytes >= CHUNK_BYTES {
            let full = std::mem::take(&mut waiting);
            waiting_bytes = 0;
            let parts = aside(&mut files, move |files| files.feed(full)).await?;
            writer.send(parts).await?;
            run.progress.store(writer.bytes, Ordering::Relaxed);
        }
    }
    drop(run.access);
    let parts = aside(&mut files, move |files| files.feed(waiting)).await?;
    writer.send(parts).await?;
    let rests = aside(&mut files, Files::finish).await?;
    let is_counted = !(run.engine_counts && run.stream == RowStream::Text);
    let rows = files.as_ref().map(Files::rows).filter(|_| is_counted);
    let written = writer.commit(rests, &mut files).await?;
    writer.record_done().await?;
    Ok(Written { rows, bytes: writer.bytes, files: written })
}

fn files(run: &Run<'_>) -> Files {
    let has_key = run.names.key_sql().is_some();
    let reader = match run.stream {
        RowStream::Text if run.engine_counts => RowReader::Whole(None),
        RowStream::Text => RowReader::Whole(Some(LineCount::new(!run.header.is_empty()))),
        RowStream::Lines => RowReader::Lines { has_key, rest: Vec::new() },
        RowStream::Blocks => RowReader::Blocks { has_key, decoder: arrow_ipc::reader::StreamDecoder::new() },
    };
    let layout = Layout {
        names: run.names.clone(),
        format: run.output.format,
        compression: run.output.compression,
        header: run.header.clone(),
    };
    Files::new(layout, reader, Spool::new(run.spool.0, &run.spool.1))
}

/// Does work that takes its time, and may read and write the disk, where it keeps no request waiting.
async fn aside<T: Send + 'static>(
    files: &mut Option<Files>,
    work: impl FnOnce(&mut Files) -> Result<T> + Send + 'static,
) -> Result<T> {
    let mut taken = files.take().ok_or_else(|| Error::internal("a sink's files were lost"))?;
    let done = tokio::task::spawn_blocking(move || {
        let done = work(&mut taken);
        (taken, done)
    });
    let (taken, done) = done.await.map_err(|error| Error::internal(format!("a sink's files broke down: {error}")))?;
    *files = Some(taken);
    done
}

/// A file that is written at once.
struct Small<'a> {
    file: usize,
    name: &'a str,
    key: String,
}

struct Writer<'a> {
    bucket: &'a Bucket,
    destination: &'a Destination,
    extension: String,
    strategy: WriteStrategy,
    begun: Begun,
    uploads: HashMap<usize, Upload>,
    context: &'a Context,
    /// Of folders in which a name was taken, the last number of each file that has further ones.
    numbers: Mutex<HashMap<String, HashMap<String, u64>>>,
    bytes: u64,
}

impl Writer<'_> {
    /// Sends parts that are full.
    async fn send(&mut self, parts: Vec<Part>) -> Result<()> {
        for part in &parts {
            if !self.uploads.contains_key(&part.file) {
                let key = self.key(&part.name).await?;
                let id = self.bucket.begin(&key).await?;
                self.begun.uploads.push((key.clone(), id.clone()));
                self.context.put_checkpoint(&self.begun).await?;
                self.uploads.insert(part.file, Upload { key, id, parts: Vec::new() });
            }
        }
        let bucket = self.bucket;
        let sent = parts.into_iter().filter_map(|part| {
            let upload = self.uploads.get(&part.file)?;
            let (key, id, number) = (upload.key.clone(), upload.id.clone(), upload.parts.len());
            let length = part.content.len() as u64;
            Some(async move {
                let id = bucket.part(&key, &id, number, part.content).await?;
                Ok::<_, Error>((part.file, id, length))
            })
        });
        let sent: Vec<_> = futures_util::stream::iter(sent).buffer_unordered(AT_ONCE).try_collect().await?;
        for (file, id, length) in sent {
            self.bytes += length;
            if let Some(upload) = self.uploads.get_mut(&file) {
                upload.parts.push(id);
            }
        }
        Ok(())
    }

    /// Sends what is left of each file, and makes the files visible.
    async fn commit(&mut self, rests: Vec<Part>, files: &mut Option<Files>) -> Result<Vec<String>> {
        let mut named = Vec::new();
        for mut rest in rests {
            let at = rest.file;
            if self.uploads.contains_key(&at) {
                rest.content = aside(files, move |files| files.rest_of(at)).await?;
                if !rest.content.is_empty() {
                    self.send(vec![rest]).await?;
                }
            } else {
                named.push(rest);
            }
        }
        let mut small = Vec::with_capacity(named.len());
        for some in named.chunks(ASKED_AT_ONCE) {
            let keys = futures_util::future::try_join_all(some.iter().map(|rest| self.key(&rest.name))).await?;
            small.extend(some.iter().zip(keys).map(|(rest, key)| Small { file: rest.file, name: &rest.name, key }));
        }
        let large: Vec<Upload> = self.uploads.drain().map(|(_, upload)| upload).collect();
        let mut keys: Vec<String> = large.iter().map(|upload| upload.key.clone()).collect();
        if !keys.is_empty() {
            self.record(&keys).await?;
        }
        let (bucket, strategy, job) = (self.bucket, self.strategy, self.context.job().id);
        let complete = large.into_iter().map(|it| async move {
            match strategy {
                WriteStrategy::New => bucket.complete_new(&it.key, &it.id, it.parts, job).await,
                WriteStrategy::Truncate => bucket.complete(&it.key, &it.id, it.parts).await,
            }
        });
        futures_util::stream::iter(complete).buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await?;
        for recorded in small.chunks_mut(RECORDED_AT_ONCE) {
            self.record(&recorded.iter().map(|it| it.key.clone()).collect::<Vec<_>>()).await?;
            for some in recorded.chunks_mut(AT_ONCE) {
                self.put(some, files).await?;
            }
        }
        keys.extend(small.into_iter().map(|it| it.key));
        Ok(keys)
    }

    /// Writes small files at once. The key of one is another afterwards where somebody outside was faster.
    async fn put(&mut self, some: &mut [Small<'_>], files: &mut Option<Files>) -> Result<()> {
        let mut contents = Vec::with_capacity(some.len());
        for it in some.iter() {
            let at = it.file;
            contents.push(aside(files, move |files| files.rest_of(at)).await?);
        }
        self.bytes += contents.iter().map(|content| content.len() as u64).sum::<u64>();
        let (bucket, job) = (self.bucket, self.context.job().id);
        if self.strategy == WriteStrategy::Truncate {
            let puts = some.iter().zip(contents).map(|(it, content)| bucket.put(&it.key, content));
            return futures_util::future::try_join_all(puts).await.map(|_| ());
        }
        let puts = some.iter().zip(&contents).map(|(it, content)| bucket.create(&it.key, content.clone(), job));
        let written = futures_util::future::try_join_all(puts).await?;
        for ((it, content), mut is_written) in some.iter_mut().zip(contents).zip(written) {
            while !is_written {
                self.begun.files.retain(|key| *key != it.key);
                it.key = self.key(it.name).await?;
                self.record(std::slice::from_ref(&it.key)).await?;
                is_written = bucket.create(&it.key, content.clone(), job).await?;
            }
        }
        Ok(())
    }

    /// Records files of `new` that may be there from now on.
    async fn record(&mut self, keys: &[String]) -> Result<()> {
        if self.strategy == WriteStrategy::Truncate {
            return Ok(());
        }
        self.begun.files.extend_from_slice(keys);
        self.context.put_checkpoint(&self.begun).await
    }

    /// Records that the run has come to its good end.
    async fn record_done(&mut self) -> Result<()> {
        self.begun.is_done = true;
        self.context.put_checkpoint(&self.begun).await
    }

    /// The key of a file: for `new`, one that is free, and the job's from now on.
    async fn key(&self, name: &str) -> Result<String> {
        let (stem, extension, job) = (self.destination.key(name), &self.extension, self.context.job().id);
        let key = format!("{stem}{extension}");
        if self.strategy == WriteStrategy::Truncate || self.bucket.claim(&key, job).await? {
            return Ok(key);
        }
        loop {
            let key = format!("{stem}.{}{extension}", self.next_number(&stem).await?);
            if self.bucket.claim(&key, job).await? {
                return Ok(key);
            }
        }
    }

    /// The next number of a file that is there. Each folder is listed once for a run: it may have millions of files.
    async fn next_number(&self, stem: &str) -> Result<u64> {
        let folder = stem.rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut folders = self.numbers.lock().await;
        if !folders.contains_key(folder) {
            let mut last = HashMap::new();
            for key in self.bucket.keys_in(folder).await? {
                if let Some((stem, number)) = numbered(&key, &self.extension) {
                    let last = last.entry(stem.to_owned()).or_default();
                    *last = number.max(*last);
                }
            }
            folders.insert(folder.to_owned(), last);
        }
        let last = folders.entry(folder.to_owned()).or_default().entry(stem.to_owned()).or_default();
        *last += 1;
        Ok(*last)
    }
}

/// The parts of a key that is `<stem>.<number><extension>`.
fn numbered<'a>(key: &'a str, extension: &str) -> Option<(&'a str, u64)> {
    let (stem, number) = key.strip_suffix(extension)?.rsplit_once('.')?;
    // What is larger is nobody's number, and one more must be a number, too.
    Some((stem, number.parse::<u32>().ok()?.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_further_files() {
        assert_eq!(numbered("a/b.3.csv.gz", ".csv.gz"), Some(("a/b", 3)));
        assert_eq!(numbered("a/b.c.3.csv", ".csv"), Some(("a/b.c", 3)));
        for other in ["a/b.csv.gz", "a/b.x.csv.gz", "a/b.3.csv", "a/b.99999999999.csv.gz"] {
            assert_eq!(numbered(other, ".csv.gz"), None, "{other}");
        }
    }
}
