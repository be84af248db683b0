//! A drawing as PNG, two pixels for each of the drawing's.
//!
//! Drawn at twice the wanted size and averaged, so that slanted edges are smooth.

use ab_glyph::{Font, Glyph, ScaleFont, point};
use plotters::prelude::{BitMapBackend, Color, DrawingBackend, RGBColor};

use super::font;
use super::palette::{self, Ink};
use super::scene::{Anchor, Scene, Shape, Spot};

/// Pixels of the picture for each of the drawing.
const PIXELS: u32 = 2;

/// Drawn pixels for each of the picture, both ways.
const SAMPLES: u32 = 2;

/// Drawn pixels for each of the drawing.
const ZOOM: f64 = (PIXELS * SAMPLES) as f64;

/// Draws `scene` and packs it as PNG.
pub(crate) fn png(scene: &Scene) -> Vec<u8> {
    let width = (scene.width * f64::from(PIXELS)) as u32;
    let height = (scene.height * f64::from(PIXELS)) as u32;
    let large = (width * SAMPLES, height * SAMPLES);
    let mut pixels = vec![255; large.0 as usize * large.1 as usize * 3];
    {
        let backend = BitMapBackend::with_buffer(&mut pixels, large);
        let mut canvas = Canvas { backend };
        for shape in &scene.shapes {
            canvas.draw(shape);
        }
    }
    encode(&averaged(&pixels, width, height), width, height)
}

struct Canvas<'a> {
    backend: BitMapBackend<'a>,
}

impl Canvas<'_> {
    fn draw(&mut self, shape: &Shape) {
        match shape {
            Shape::Line { spots, ink, width, dash } => {
                for piece in dashed(spots, dash) {
                    self.stroke(&piece, *width, *ink);
                }
            }
            Shape::Area { spots, ink, .. } => self.area(spots, *ink),
            Shape::Disc { at, radius, ink, .. } => self.disc(*at, *radius, *ink),
            Shape::Text { at, text, size, anchor, bold, ink, upright } => {
                let width = font::width(text, *size, *bold);
                let shift = match anchor {
                    Anchor::Start => 0.0,
                    Anchor::Middle => -width / 2.0,
                    Anchor::End => -width,
                };
                self.text(*at, shift, text, (*size, *bold), *ink, *upright);
            }
            Shape::Open(_) | Shape::Close => {}
        }
    }

    /// Each stretch as a rectangle along it. Level and upright ones are a little longer at a joint, so
    /// that corners are square; slanted ones are joined by discs.
    fn stroke(&mut self, spots: &[Spot], width: f64, ink: Ink) {
        let half = width / 2.0;
        for (index, pair) in spots.windows(2).enumerate() {
            let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
            if x0 == x1 || y0 == y1 {
                let joint = if spots.len() > 2 { half } else { 0.0 };
                let (along_x, along_y) = if x0 == x1 { (half, joint) } else { (joint, half) };
                let low = (x0.min(x1) - along_x, y0.min(y1) - along_y);
                let high = (x0.max(x1) + along_x, y0.max(y1) + along_y);
                self.rectangle(low, high, ink);
                continue;
            }
            let (dx, dy) = (x1 - x0, y1 - y0);
            let length = (dx * dx + dy * dy).sqrt();
            let (across_x, across_y) = (-dy / length * half, dx / length * half);
            let corners = [
                (x0 + across_x, y0 + across_y),
                (x1 + across_x, y1 + across_y),
                (x1 - across_x, y1 - across_y),
                (x0 - across_x, y0 - across_y),
            ];
            self.area(&corners, ink);
            if index > 0 && width > 1.0 {
                self.disc((x0, y0), half, ink);
            }
        }
    }

    fn rectangle(&mut self, low: Spot, high: Spot, ink: Ink) {
        let (left, top) = drawn(low);
        let (right, bottom) = drawn(high);
        // The backend leaves the last column and row out.
        let corner = (right.max(left + 1), bottom.max(top + 1));
        let _ = self.backend.draw_rect((left, top), corner, &ink_colour(ink), true);
    }

    fn area(&mut self, spots: &[Spot], ink: Ink) {
        if let [a, b, c, d] = spots
            && a.1 == b.1
            && b.0 == c.0
            && c.1 == d.1
            && d.0 == a.0
        {
            self.rectangle((a.0.min(c.0), a.1.min(c.1)), (a.0.max(c.0), a.1.max(c.1)), ink);
            return;
        }
        let corners: Vec<(i32, i32)> = spots.iter().map(|spot| drawn(*spot)).collect();
        let _ = self.backend.fill_polygon(corners, &ink_colour(ink));
    }

    fn disc(&mut self, at: Spot, radius: f64, ink: Ink) {
        let radius = (radius * ZOOM).round() as u32;
        let _ = self.backend.draw_circle(drawn(at), radius, &ink_colour(ink), true);
    }

    fn text(&mut self, at: Spot, shift: f64, text: &str, (size, bold): (f64, bool), ink: Ink, upright: bool) {
        let font = font::face(bold).as_scaled(font::scale(bold, (size * ZOOM) as f32));
        let (origin_x, origin_y) = drawn(at);
        let mut pen = (shift * ZOOM) as f32;
        for c in text.chars() {
            let id = font.glyph_id(c);
            let glyph: Glyph = id.with_scale_and_position(font.scale(), point(pen, 0.0));
            pen += font.h_advance(id);
            let Some(outline) = font.font().outline_glyph(glyph) else { continue };
            let corner = outline.px_bounds().min;
            outline.draw(|x, y, cover| {
                let (along, down) = (corner.x as i32 + x as i32, corner.y as i32 + y as i32);
                let (dx, dy) = if upright { (down, -along) } else { (along, down) };
                let colour = ink_colour(ink).mix(f64::from(cover.clamp(0.0, 1.0)));
                let _ = self.backend.draw_pixel((origin_x + dx, origin_y + dy), colour.to_backend_color());
            });
        }
    }
}

fn drawn(spot: Spot) -> (i32, i32) {
    ((spot.0 * ZOOM).round() as i32, (spot.1 * ZOOM).round() as i32)
}

fn ink_colour(ink: Ink) -> RGBColor {
    let [red, green, blue] = palette::rgb(ink.colour().1);
    RGBColor(red, green, blue)
}

/// Cuts a line into the strokes of its dash.
fn dashed(spots: &[Spot], dash: &[f64]) -> Vec<Vec<Spot>> {
    if dash.is_empty() {
        return vec![spots.to_vec()];
    }
    let mut strokes = Vec::new();
    let (mut phase, mut left) = (0, dash[0]);
    let mut stroke: Vec<Spot> = spots.first().copied().into_iter().collect();
    for pair in spots.windows(2) {
        let ((mut x, mut y), end) = (pair[0], pair[1]);
        loop {
            let (dx, dy) = (end.0 - x, end.1 - y);
            let length = (dx * dx + dy * dy).sqrt();
            if length <= left {
                left -= length;
                if phase % 2 == 0 {
                    stroke.push(end);
                }
                break;
            }
            (x, y) = (x + dx * left / length, y + dy * left / length);
            if phase % 2 == 0 {
                stroke.push((x, y));
                strokes.push(std::mem::take(&mut stroke));
            } else {
                stroke = vec![(x, y)];
            }
            phase = (phase + 1) % dash.len();
            left = dash[phase];
        }
    }
    if stroke.len() > 1 {
        strokes.push(stroke);
    }
    strokes
}

/// The mean of each block of drawn pixels.
fn averaged(pixels: &[u8], width: u32, height: u32) -> Vec<u8> {
    let (width, height, samples) = (width as usize, height as usize, SAMPLES as usize);
    let mut out = Vec::with_capacity(width * height * 3);
    for y in 0..height {
        for x in 0..width {
            for channel in 0..3 {
                let mut sum = 0_usize;
                for row in y * samples..(y + 1) * samples {
                    for column in x * samples..(x + 1) * samples {
                        sum += usize::from(pixels[(row * width * samples + column) * 3 + channel]);
                    }
                }
                let mean = (sum + samples * samples / 2) / (samples * samples);
                out.push(u8::try_from(mean).expect("the mean of bytes is a byte"));
            }
        }
    }
    out
}

fn encode(pixels: &[u8], width: u32, height: u32) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_adaptive_filter(png::AdaptiveFilterType::Adaptive);
    let mut writer = encoder.write_header().expect("memory takes every write");
    writer.write_image_data(pixels).expect("the buffer has the size that the header says");
    writer.finish().expect("memory takes every write");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line of 10 with strokes of 4 and gaps of 2: 0 to 4, then 6 to 10.
    #[test]
    fn a_dash_leaves_gaps() {
        let strokes = dashed(&[(0.0, 0.0), (10.0, 0.0)], &[4.0, 2.0]);
        assert_eq!(strokes, [vec![(0.0, 0.0), (4.0, 0.0)], vec![(6.0, 0.0), (10.0, 0.0)]]);
    }

    /// The stroke that begins at 2 turns the corner at (3, 0) and ends 3 further on, at (3, 2).
    #[test]
    fn a_dash_goes_round_a_corner() {
        let strokes = dashed(&[(0.0, 0.0), (3.0, 0.0), (3.0, 2.0)], &[1.0, 1.0, 3.0, 1.0]);
        assert_eq!(strokes[1], [(2.0, 0.0), (3.0, 0.0), (3.0, 2.0)]);
    }

    #[test]
    fn pixels_are_those_drawn() {
        let mut scene = Scene::new(2.0, 1.0, String::new());
        scene.rectangle((1.0, 0.0), (2.0, 1.0), Ink::Text, String::new());
        let bytes = png(&scene);
        let mut decoder = png::Decoder::new(bytes.as_slice()).read_info().unwrap();
        let mut pixels = vec![0; decoder.output_buffer_size()];
        decoder.next_frame(&mut pixels).unwrap();
        let dark = palette::rgb(palette::TEXT.1);
        let row = [[255; 3], [255; 3], dark, dark].concat();
        assert_eq!(pixels, [row.clone(), row].concat());
    }
}
