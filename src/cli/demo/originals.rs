//! Draws planned originals and writes them to disk, on all processors.

use std::io;
use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use sha1::{Digest, Sha1};

use super::catalogue::{Asset, Kind, Library, moment, write_file};
use super::dice::Dice;
use super::photo::{exif, photo};
use super::plan::Plan;

/// What wrote the EXIF block of a photo that came straight from the camera.
const CAMERA_SOFTWARE: &str = "7.1.0";

/// Draws, writes and hashes everything planned, on all processors.
pub(super) fn make_all(library: &Library, plans: &[Plan]) -> io::Result<Vec<Asset>> {
    let next = AtomicUsize::new(0);
    let made = Mutex::new(Vec::with_capacity(plans.len()));
    let work = || -> io::Result<()> {
        while let Some((place, plan)) = {
            let place = next.fetch_add(1, Ordering::Relaxed);
            plans.get(place).map(|plan| (place, plan))
        } {
            let asset = make(library, plan)?;
            made.lock()
                .unwrap_or_else(|poison| poison.into_inner())
                .push((place, asset));
        }
        Ok(())
    };
    let threads = std::thread::available_parallelism()
        .map_or(1, NonZeroUsize::get)
        .min(8);
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let ended = running.into_iter().map(|thread| match thread.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        ended.collect::<io::Result<()>>()
    })?;
    let mut made = made
        .into_inner()
        .unwrap_or_else(|poison| poison.into_inner());
    made.sort_by_key(|(place, _)| *place);
    Ok(made.into_iter().map(|(_, asset)| asset).collect())
}

fn make(library: &Library, plan: &Plan) -> io::Result<Asset> {
    let mut dice = library.dice("original", plan.picture);
    let width_max = f32::from(library.size.width_max);
    let width = dice.between(width_max * 0.7, width_max) as u16;
    let (width, height) = (width, width / 4 * 3);
    let bytes = match plan.kind {
        Kind::Photo => {
            let block = exif(&moment(plan.taken, "%Y:%m:%d %H:%M:%S"), CAMERA_SOFTWARE);
            photo(&mut dice, width, height, &block)?
        }
        Kind::Video => video(&mut dice, library.size.video_bytes),
    };
    write_file(library, &plan.path, &bytes, plan.taken)?;
    if let Some(sidecar) = &plan.sidecar {
        write_file(
            library,
            &sidecar.path,
            xmp(&sidecar.title).as_bytes(),
            plan.taken,
        )?;
    }
    Ok(Asset {
        id: plan.id.clone(),
        owner: plan.owner,
        kind: plan.kind,
        path: plan.path.clone(),
        name: plan.name.clone(),
        taken: plan.taken,
        added: plan.added,
        sha1: Sha1::digest(&bytes).into(),
        size: bytes.len() as u64,
        width,
        height,
        duration_milliseconds: (plan.kind == Kind::Video).then_some(32_480),
        sidecar: plan.sidecar.clone(),
        generated: None,
    })
}

/// An MP4 by its boxes (ISO 14496-12), with noise where the pictures would be.
pub(super) fn video(dice: &mut Dice, bytes: usize) -> Vec<u8> {
    let mut file = b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41".to_vec();
    let noise_start = file.len() + 8;
    // Cannot overflow: a box of 32 bits is far larger than any demo video.
    file.extend((bytes.saturating_sub(file.len()) as u32).to_be_bytes());
    file.extend(b"mdat");
    file.resize(bytes.max(noise_start), 0);
    if let Some(noise) = file.get_mut(noise_start..) {
        dice.fill(noise);
    }
    file
}

pub(super) fn xmp(title: &str) -> String {
    let title = title.replace('&', "&amp;").replace('<', "&lt;");
    format!(
        r#"<?xpacket begin="{bom}" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="Image::ExifTool 13.00">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
 <rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/">
  <dc:description><rdf:Alt><rdf:li xml:lang="x-default">{title}</rdf:li></rdf:Alt></dc:description>
 </rdf:Description>
</rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>
"#,
        bom = '\u{feff}'
    )
}
