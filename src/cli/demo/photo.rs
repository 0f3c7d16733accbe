//! A photo that nobody took: a sky, a sun, ranges of hills, perhaps a lake, drawn from dice and
//! stored as a real JPEG with the grain, and so the entropy, of a camera's.
//!
//! Only `+ - * /` and square roots on floats: these give the same bits on every machine.

use std::io;

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use super::dice::Dice;

/// Hill ranges, from the far one to the near one.
const RANGES: usize = 5;

type Colour = [f32; 3];

/// What the picture shows.
#[derive(Debug, Clone)]
struct Scene {
    zenith: Colour,
    horizon: Colour,
    sun: [f32; 2],
    sun_radius: f32,
    sun_colour: Colour,
    far: Colour,
    near: Colour,
    /// Where the water begins, as a part of the height; beyond 1 there is none.
    shore: f32,
    grain: f32,
    /// Height by width, so that the sun is round.
    aspect: f32,
}

/// The scenes differ in the time of day.
const SKIES: [[Colour; 5]; 5] = [
    // zenith, horizon, sun, far hills, near hills
    [
        [62., 116., 188.],
        [196., 218., 236.],
        [255., 250., 226.],
        [138., 164., 190.],
        [40., 72., 44.],
    ],
    [
        [44., 52., 104.],
        [250., 166., 104.],
        [255., 224., 168.],
        [168., 112., 120.],
        [34., 26., 40.],
    ],
    [
        [112., 150., 178.],
        [244., 222., 196.],
        [255., 244., 214.],
        [172., 176., 178.],
        [66., 82., 58.],
    ],
    [
        [20., 28., 66.],
        [222., 106., 92.],
        [255., 190., 140.],
        [112., 70., 100.],
        [18., 16., 30.],
    ],
    [
        [90., 158., 200.],
        [222., 236., 226.],
        [255., 252., 236.],
        [150., 186., 176.],
        [84., 110., 48.],
    ],
];

impl Scene {
    fn throw(dice: &mut Dice, aspect: f32) -> Self {
        let [zenith, horizon, sun_colour, far, near] = SKIES[dice.below(5) as usize];
        let mut shift = |colour: Colour| colour.map(|part| part + dice.between(-14., 14.));
        let (zenith, horizon, far, near) = (shift(zenith), shift(horizon), shift(far), shift(near));
        Self {
            zenith,
            horizon,
            sun: [dice.between(0.1, 0.9), dice.between(0.12, 0.42)],
            sun_radius: dice.between(0.025, 0.06),
            sun_colour,
            far,
            near,
            shore: if dice.below(3) == 0 {
                dice.between(0.72, 0.84)
            } else {
                2.
            },
            grain: dice.between(11., 19.),
            aspect,
        }
    }

    fn sky(&self, x: f32, y: f32) -> Colour {
        let depth = (y / 0.62).min(1.);
        let base = mix(self.zenith, self.horizon, depth * (2. - depth));
        let away = [x - self.sun[0], (y - self.sun[1]) * self.aspect];
        let distance = (away[0] * away[0] + away[1] * away[1]).sqrt();
        let disc = ((self.sun_radius - distance) * 400. + 0.5).clamp(0., 1.);
        let glow = self.sun_radius / (distance + self.sun_radius);
        mix(
            mix(base, self.sun_colour, glow * glow * 0.9),
            [255., 253., 244.],
            disc,
        )
    }
}

/// The pixels and the JPEG of one photo.
///
/// `exif` is the body of an APP1 segment, see [`exif`].
///
/// # Errors
/// When the width or height is 0 or the EXIF data is longer than a segment.
pub fn photo(dice: &mut Dice, width: u16, height: u16, exif: &[u8]) -> io::Result<Vec<u8>> {
    let pixels = draw(dice, usize::from(width), usize::from(height));
    let mut jpeg = Vec::with_capacity(pixels.len() / 3);
    let mut encoder = Encoder::new(&mut jpeg, 95);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder
        .add_app_segment(1, exif.to_vec())
        .map_err(io::Error::other)?;
    encoder
        .encode(&pixels, width, height, ColorType::Rgb)
        .map_err(io::Error::other)?;
    Ok(jpeg)
}

fn draw(dice: &mut Dice, width: usize, height: usize) -> Vec<u8> {
    let scene = Scene::throw(dice, height as f32 / width as f32);
    let ridges: Vec<Vec<f32>> = (0..RANGES).map(|range| ridge(dice, range, width)).collect();
    let mut pixels = Vec::with_capacity(width * height * 3);
    let mut noise = vec![0; width * 2];
    for row in 0..height {
        dice.fill(&mut noise);
        let y = row as f32 / height as f32;
        // Water shows what stands as far above its shore, darker and in waves.
        let water = y > scene.shore;
        let seen_y = if water { 2. * scene.shore - y } else { y };
        for (column, grain) in noise.chunks_exact(2).enumerate() {
            let wave = if water {
                (f32::from(grain[1]) - 128.) * (y - scene.shore) * 0.0012
            } else {
                0.
            };
            let mut colour = land_or_sky(
                &scene,
                &ridges,
                column,
                column as f32 / width as f32,
                seen_y + wave,
            );
            if water {
                colour = mix(colour, scene.zenith, 0.3).map(|part| part * 0.86);
            }
            // Two dice make a hump instead of a flat spread, as light does.
            let light = (f32::from(grain[0]) + f32::from(grain[1]) - 255.) / 255. * scene.grain;
            pixels.extend(colour.map(|part| (part + light).clamp(0., 255.) as u8));
        }
    }
    pixels
}

fn land_or_sky(scene: &Scene, ridges: &[Vec<f32>], column: usize, x: f32, y: f32) -> Colour {
    for (range, ridge) in ridges.iter().enumerate().rev() {
        let top = ridge[column];
        if y >= top {
            let nearness = (range as f32 + 0.6) / RANGES as f32;
            let shade = mix(scene.far, scene.near, nearness);
            // Mist gathers at the foot of a range.
            let mist = ((y - top) * 2.6).min(1.) * (1. - nearness) * 0.7;
            return mix(shade, scene.horizon, mist);
        }
    }
    scene.sky(x, y)
}

/// The height of one range at each column, 0 being the top of the picture: layers of noise, each
/// twice as fine and half as strong.
fn ridge(dice: &mut Dice, range: usize, width: usize) -> Vec<f32> {
    let base = 0.44 + 0.115 * range as f32 + dice.between(-0.03, 0.03);
    let mut heights = vec![base; width];
    let mut strength = 0.075;
    let mut waves = 2 + dice.below(3) as usize;
    while waves < width / 2 && waves < 1024 {
        let knots: Vec<f32> = (0..=waves + 1).map(|_| dice.between(-1., 1.)).collect();
        for (column, height) in heights.iter_mut().enumerate() {
            let place = column as f32 / width as f32 * waves as f32;
            let knot = place as usize;
            let part = place - knot as f32;
            let smooth = part * part * (3. - 2. * part);
            *height += strength * (knots[knot] + (knots[knot + 1] - knots[knot]) * smooth);
        }
        strength *= 0.5;
        waves *= 2;
    }
    heights
}

fn mix(from: Colour, to: Colour, part: f32) -> Colour {
    let mut colour = from;
    for (channel, target) in colour.iter_mut().zip(to) {
        *channel += (target - *channel) * part;
    }
    colour
}

/// The EXIF block of a photo: camera and time taken (EXIF 2.32, TIFF in big-endian order).
///
/// `taken` is "YYYY:MM:DD HH:MM:SS". `software` names what last wrote the block; another length
/// of it moves everything behind it in the file.
pub fn exif(taken: &str, software: &str) -> Vec<u8> {
    const ASCII: u16 = 2;
    let fields: [(u16, &str); 4] = [
        (0x010f, "Lumière"),
        (0x0110, "Pocket 7"),
        (0x0131, software),
        (0x0132, taken),
    ];
    let mut directory = Vec::new();
    let mut texts = Vec::new();
    // Where the texts begin: header, number of entries, entries, offset of the next directory.
    let texts_start = 8 + 2 + 12 * fields.len() + 4;
    for (tag, text) in fields {
        // Kept longer than four bytes, so that it always stands outside the entry.
        let bytes = format!("{text:<5}\0").into_bytes();
        directory.extend(tag.to_be_bytes());
        directory.extend(ASCII.to_be_bytes());
        directory.extend((bytes.len() as u32).to_be_bytes());
        directory.extend(((texts_start + texts.len()) as u32).to_be_bytes());
        texts.extend(bytes);
    }
    let mut block = b"Exif\0\0MM\0\x2a\0\0\0\x08".to_vec();
    block.extend((fields.len() as u16).to_be_bytes());
    block.extend(directory);
    block.extend([0; 4]);
    block.extend(texts);
    block
}

/// The same JPEG with another EXIF block: what a photo program does that "fixes" a date.
///
/// # Errors
/// When the bytes do not begin as a JPEG with APP segments, or the block is too long.
pub fn with_exif(jpeg: &[u8], exif: &[u8]) -> io::Result<Vec<u8>> {
    let odd = || {
        io::Error::new(
            io::ErrorKind::InvalidData,
            "not a JPEG with an APP1 segment",
        )
    };
    let mut place = 2;
    while let [0xff, kind, high, low, ..] = *jpeg.get(place..).ok_or_else(odd)? {
        let end = place + 2 + usize::from(u16::from_be_bytes([high, low]));
        if kind == 0xe1 {
            let length = u16::try_from(exif.len() + 2).map_err(|_| odd())?;
            let mut changed = jpeg.get(..place).ok_or_else(odd)?.to_vec();
            changed.extend([0xff, 0xe1]);
            changed.extend(length.to_be_bytes());
            changed.extend(exif);
            changed.extend(jpeg.get(end..).ok_or_else(odd)?);
            return Ok(changed);
        }
        if !(0xe0..=0xef).contains(&kind) {
            break;
        }
        place = end;
    }
    Err(odd())
}
