// The score heat map: questions from top to bottom, passages from left to right.
// One invocation colours one pixel; a pixel that covers several cells takes the most telling of them,
// so that no bright spot is lost however far the map is zoomed out.

struct View {
    // Cell at the top left corner and cells across the whole area (x passages, y questions).
    origin: vec2f,
    extent: vec2f,
    // Passages and questions.
    cells: vec2u,
    // Cell under the pointer; beyond `cells` if there is none.
    hovered: vec2u,
    // Pixels of the area.
    pixels: vec2f,
    // Scores that get the first and the last colour.
    range: vec2f,
    // 1 if scores are changes around 0: blue for better, orange for worse.
    diverging: u32,
    // 1 if the target wants linear light instead of sRGB values.
    linear_target: u32,
    dark: u32,
    unused: u32,
}

@group(0) @binding(0) var<uniform> view: View;
// Question after question, folded into rows of the texture's width.
@group(0) @binding(1) var scores: texture_2d<f32>;
// In the same order: 1 if the passage answers the question.
@group(0) @binding(2) var right: texture_2d<u32>;

struct Corner {
    @builtin(position) position: vec4f,
    // 0..1 over the area, from the top left.
    @location(0) place: vec2f,
}

@vertex
fn area(@builtin(vertex_index) index: u32) -> Corner {
    let place = vec2f(f32((index << 1u) & 2u), f32(index & 2u));
    return Corner(vec4f(place.x * 2.0 - 1.0, 1.0 - place.y * 2.0, 0.0, 1.0), place);
}

// Where a cell lies in the textures.
fn texel(cell: vec2u) -> vec2u {
    let index = cell.y * view.cells.x + cell.x;
    let width = textureDimensions(scores).x;
    return vec2u(index % width, index / width);
}

// Viridis by Smith and van der Walt, as a polynomial; even in lightness, so it survives grey printing.
fn viridis(t: f32) -> vec3f {
    let c0 = vec3f(0.2777273, 0.0054073, 0.3340998);
    let c1 = vec3f(0.1050930, 1.4046135, 1.3845902);
    let c2 = vec3f(-0.3308618, 0.2148476, 0.0950952);
    let c3 = vec3f(-4.6342305, -5.7991010, -19.3324410);
    let c4 = vec3f(6.2282699, 14.1799334, 56.6905526);
    let c5 = vec3f(4.7763850, -13.7451454, -65.3530326);
    let c6 = vec3f(-5.4354559, 4.6458526, 26.3124352);
    return saturate(c0 + t * (c1 + t * (c2 + t * (c3 + t * (c4 + t * (c5 + t * c6))))));
}

// Orange below 0, blue above, the ground's colour at 0.
fn change_colour(t: f32) -> vec3f {
    let ground = select(vec3f(0.96, 0.965, 0.975), vec3f(0.11, 0.125, 0.15), view.dark == 1u);
    let worse = select(vec3f(0.70, 0.28, 0.0), vec3f(0.94, 0.60, 0.29), view.dark == 1u);
    let better = select(vec3f(0.0, 0.40, 0.64), vec3f(0.38, 0.71, 0.94), view.dark == 1u);
    return mix(ground, select(worse, better, t > 0.0), min(abs(t), 1.0));
}

fn to_linear(colour: vec3f) -> vec3f {
    let low = colour / 12.92;
    let high = pow((colour + 0.055) / 1.055, vec3f(2.4));
    return select(high, low, colour <= vec3f(0.04045));
}

@fragment
fn colour(corner: Corner) -> @location(0) vec4f {
    let cells_a_pixel = view.extent / view.pixels;
    let place = view.origin + corner.place * view.extent;
    if (any(place < vec2f(0.0)) || any(place >= vec2f(view.cells))) {
        return vec4f(0.0);
    }
    let start = vec2u(place);
    let count = clamp(vec2u(ceil(cells_a_pixel)), vec2u(1u), vec2u(8u));
    // Where even eight samples cannot visit all covered cells, they stand evenly among them.
    let stride = max(vec2u(ceil(cells_a_pixel / 8.0)), vec2u(1u));
    let middle = 0.5 * (view.range.x + view.range.y);
    var told = -1.0;
    var score = 0.0;
    var any_right = false;
    for (var y = 0u; y < count.y; y++) {
        for (var x = 0u; x < count.x; x++) {
            let cell = min(start + vec2u(x, y) * stride, view.cells - 1u);
            let here = textureLoad(scores, texel(cell), 0).r;
            let weight = select(here - view.range.x, abs(here - middle), view.diverging == 1u);
            if (weight > told) {
                told = weight;
                score = here;
            }
            any_right = any_right || textureLoad(right, texel(cell), 0).r == 1u;
        }
    }
    let t = saturate((score - view.range.x) / max(view.range.y - view.range.x, 1e-9));
    var result = select(viridis(t), change_colour(2.0 * t - 1.0), view.diverging == 1u);

    // Right passages get a frame where cells are large enough, a bright dot where they are not.
    let frame_colour = select(vec3f(0.86, 0.16, 0.42), vec3f(1.0, 0.55, 0.72), view.diverging == 0u || view.dark == 1u);
    let pixels_a_cell = 1.0 / cells_a_pixel;
    let inside = fract(place) * pixels_a_cell;
    let edge = min(min(inside.x, pixels_a_cell.x - inside.x), min(inside.y, pixels_a_cell.y - inside.y));
    let large = min(pixels_a_cell.x, pixels_a_cell.y) >= 5.0;
    if (large) {
        if (any_right && edge < 1.5) {
            result = frame_colour;
        }
    } else if (any_right) {
        result = mix(result, frame_colour, 0.85);
    }
    if (all(vec2u(place) == view.hovered) && (!large || edge < 2.5)) {
        result = select(vec3f(0.0), vec3f(1.0), view.dark == 1u || view.diverging == 0u);
    }
    return vec4f(select(result, to_linear(result), view.linear_target == 1u), 1.0);
}
