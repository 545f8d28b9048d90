// Texts as points of a plane, each on its way from its place in one model to its place in another.
// One instance is one point: a square of four corners, of which the fragments keep a disc, or a diamond.

struct View {
    // What lies in the middle of the area, and how the plane becomes clip space.
    centre: vec2f,
    scale: vec2f,
    // Pixels of the area.
    pixels: vec2f,
    // 0 at the first place, 1 at the second.
    share: f32,
    // Pixels from a point's middle to its edge.
    radius: f32,
    // The point under the pointer; beyond all points if there is none.
    hovered: u32,
    // 1 if the target wants linear light instead of sRGB values.
    linear_target: u32,
    unused: vec2u,
    // Colour of the points' rims, and of each group.
    rim: vec4f,
    colours: array<vec4f, 8>,
}

@group(0) @binding(0) var<uniform> view: View;

// What a point's `look` says besides its group, which the lowest three bits hold.
const QUESTION: u32 = 8u;
const FAINT: u32 = 16u;
const CHOSEN: u32 = 32u;

struct Corner {
    @builtin(position) position: vec4f,
    // From -1 to 1 over the point and a pixel around it.
    @location(0) place: vec2f,
    @location(1) @interpolate(flat) colour: vec4f,
    // Pixels from the middle to the edge; whether it is a diamond; the share of its rim.
    @location(2) @interpolate(flat) shape: vec3f,
}

@vertex
fn point(
    @builtin(vertex_index) corner: u32,
    @builtin(instance_index) index: u32,
    @location(0) places: vec4f,
    @location(1) look: u32,
) -> Corner {
    let place = mix(places.xy, places.zw, view.share);
    let side = vec2f(f32(corner & 1u), f32(corner >> 1u)) * 2.0 - 1.0;
    let hovered = index == view.hovered;
    let question = (look & QUESTION) != 0u;
    let chosen = (look & CHOSEN) != 0u;
    var radius = view.radius * select(1.0, 1.3, question);
    radius *= select(1.0, 1.4, chosen) * select(1.0, 2.0, hovered);
    // A pixel more, for the soft edge.
    let reach = (radius + 1.0) * 2.0 / view.pixels;
    let middle = (place - view.centre) * view.scale;
    var colour = view.colours[look & 7u];
    colour.a *= select(1.0, 0.12, (look & FAINT) != 0u && !chosen && !hovered);
    let rim = select(0.0, 1.0, chosen || hovered);
    return Corner(vec4f(middle + side * reach, 0.0, 1.0), side * (radius + 1.0), colour, vec3f(radius, f32(question), rim));
}

fn to_linear(colour: vec3f) -> vec3f {
    let low = colour / 12.92;
    let high = pow((colour + 0.055) / 1.055, vec3f(2.4));
    return select(high, low, colour <= vec3f(0.04045));
}

@fragment
fn paint(corner: Corner) -> @location(0) vec4f {
    let radius = corner.shape.x;
    let round = length(corner.place);
    let cut = abs(corner.place.x) + abs(corner.place.y);
    let distance = select(round, cut, corner.shape.y > 0.5);
    let cover = saturate(radius + 0.5 - distance);
    if (cover <= 0.0) {
        discard;
    }
    let at_rim = corner.shape.z * saturate(distance - radius * 0.6);
    var colour = mix(corner.colour.rgb, view.rim.rgb, at_rim);
    if (view.linear_target == 1u) {
        colour = to_linear(colour);
    }
    let alpha = cover * corner.colour.a;
    return vec4f(colour * alpha, alpha);
}
