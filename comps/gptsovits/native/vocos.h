// A Vocos (networks/vocoders/vocos.py) over rows of channels: blocks at the rate of frames, then at that of windows,
// and from there to samples.
//
// In a block each channel is convolved for itself, then a norm, a wide layer and a narrow one stand beside a residual
// path. A thread takes a tile of rows through all of it while they stay in the nearest caches; only convolutions look
// at other tiles' rows, which the step before has left whole. A row takes the same steps whatever tile it is in.
#pragma once

#include "norm.h"
#include "rows.h"

struct Block {
    const float* depthwise;  // [n_taps][C], the middle one for the row itself
    const float* bias;       // [C]
    Norm norm;
    Conv widen, narrow;      // the residual scale is part of the second
    int32_t channels, n_taps;
};


// x times the normal distribution's share below it. The error function is Abramowitz and Stegun's 7.1.26, good to
// 2e-7.
inline floats gelu(floats x) {
    const floats z = x * 0.70710678f, size = z < 0.0f ? -z : z;
    const floats t = 1.0f / (1.0f + 0.3275911f * size);
    floats y = splat(1.061405429f);
    for (float factor : {-1.453152027f, 1.421413741f, -0.284496736f, 0.254829592f}) y = fused(y, t, splat(factor));
    const floats rest = 0.5f * y * t * exponential(-(size * size));  // the share beyond |x|
    return x * (z < 0.0f ? rest : 1.0f - rest);
}

// One row: its neighbours' channels mixed, then brought to mean 0 and deviation 1. `x` is row 0 of n.
template <class E>
void normed_row(const Block& block, const float* x, long row, long n, float* mixed, E* out) {
    const int C = block.channels, reach = block.n_taps / 2;
    const long first = std::max(row - reach, 0L), last = std::min(row + reach, n - 1);
    for (int c = 0; c < C; c += LANES) {
        floats y = load(block.bias + c);
        for (long r = first; r <= last; r++)
            y = fused(load(block.depthwise + (r - row + reach) * C + c), load(x + r * C + c), y);
        store(mixed + c, y);
    }
    normalise(mixed, C, block.norm, [&](int c, floats y) { keep(out + c, y); });
}

// x [n][C] through all blocks, in place.
template <class E>
void through_blocks(const Block* blocks, int n_blocks, float* x, long n, const Together& together) {
    static thread_local std::vector<float> space;
    const int C = blocks[0].channels, wide = blocks[0].widen.n_blocks * blocks[0].widen.width * LANES;
    if (static_cast<long>(space.size()) < n * C) space.resize(n * C);
    float *from = x, *to = space.data();
    for (int b = 0; b < n_blocks; b++) {
        const Block& block = blocks[b];
        const float* const source = from;
        float* const target = to;
        in_tiles(n, together, [&](long row, long rows) {
            static thread_local std::vector<float> mixed, hidden;
            static thread_local std::vector<E> normed, active;
            mixed.resize(C), hidden.resize(TILE * wide), normed.resize(TILE * C), active.resize(TILE * wide);
            for (long r = 0; r < rows; r++)
                normed_row(block, source, row + r, n, mixed.data(), normed.data() + r * C);
            Output<E> made;
            made.stride = wide;
            made.raw = hidden.data();
            convolve(block.widen, normed.data(), C, 0, rows, made, Alone{});
            for (long i = 0; i < rows * wide; i += LANES) keep(active.data() + i, gelu(load(hidden.data() + i)));
            made = Output<E>();
            made.stride = C;
            made.residual = source + row * C;
            made.raw = target + row * C;
            convolve(block.narrow, active.data(), wide, 0, rows, made, Alone{});
        });
        std::swap(from, to);
    }
    if (from != x) std::copy(from, from + n * C, x);
}

struct Vocos {
    Conv in;  // to the blocks at the frames' rate
    const Block* frame_blocks;
    Norm frame_norm;
    Conv up;  // of a frame, to the channels of its windows one after another
    const Block* window_blocks;
    Norm window_norm;
    Conv spectrum;       // [n_bins] log-magnitudes, then phases
    Conv inverse;        // [2 * n_bins] real and imaginary parts around a window, to the hop in its middle
    const float* shares; // [taps of `inverse`][hop rounded up to 16]: what the windows themselves add up to there
    int32_t n_frame_blocks, n_window_blocks, is_bfloat16;
    int32_t n_channels;  // of a frame
    int32_t rate, hop;   // windows a frame, samples a window
    int32_t n_bins;      // a multiple of 16
    int32_t n_frames;
    int32_t n_rows, n_skipped;  // frames that become windows, after so many that do not
    int32_t n_samples, n_skipped_samples;
    float most;          // log-magnitude
};

constexpr float LEAST_SHARE = 1e-3f;

// Cosine and sine of x, |x| < 10^6. To the nearest quarter of a circle by pi / 2 in three parts; the rest, within
// pi / 4 around 0, by polynomials of Moshier's Cephes library.
inline void turn(floats x, floats& cosine, floats& sine) {
    constexpr float ROUNDS = 12582912.0f;  // 1.5 * 2^23: adding it leaves no room for a fraction
    const floats n = (x * 0.636619772f + ROUNDS) - ROUNDS;
    const floats r = ((x - n * 1.5703125f) - n * 4.837512969970703e-4f) - n * 7.54978995489e-8f, s = r * r;
    floats odd = splat(-1.9515295891e-4f), even = splat(2.443315711809948e-5f);
    odd = fused(odd, s, splat(8.3321608736e-3f));
    odd = fused(odd, s, splat(-1.6666654611e-1f));
    odd = fused(odd * s, r, r);
    even = fused(even, s, splat(-1.388731625493765e-3f));
    even = fused(even, s, splat(4.166664568298827e-2f));
    even = fused(even, s * s, fused(s, splat(-0.5f), splat(1.0f)));
    const ints quarter = __builtin_convertvector(n, ints);
    const ints is_odd = (quarter & 1) != 0;
    const floats up = is_odd ? even : odd, right = is_odd ? odd : even;
    sine = (quarter & 2) != 0 ? -up : up;
    cosine = ((quarter + 1) & 2) != 0 ? -right : right;
}

// Rows of x, brought to mean 0 and deviation 1, through a layer without neighbours.
template <class E>
void normed_layer(
    const Norm& norm, const Conv& layer, const float* x, int C, long rows, const Output<E>& made) {
    static thread_local std::vector<E> normed;
    normed.resize(rows * C);
    for (long r = 0; r < rows; r++)
        normalise(x + r * C, C, norm, [&](int c, floats y) { keep(normed.data() + r * C + c, y); });
    convolve(layer, normed.data(), C, 0, rows, made, Alone{});
}

// frames [n_channels][n_frames] -> samples [n_samples]
template <class E>
void speak(const Vocos& net, const float* frames, const Together& together, float* samples) {
    static thread_local Rows<E> in;
    static thread_local Rows<float> bins;
    static thread_local std::vector<float> x, windows;
    const int C = net.frame_blocks->channels, narrow = net.window_blocks->channels, wide = 2 * net.n_bins;
    const long n_windows = static_cast<long>(net.n_rows) * net.rate;
    in.fit(net.n_frames, static_cast<int>(rounded_up(net.n_channels, LANES)));
    transposed(frames, net.n_channels, net.n_frames, in);
    x.resize(static_cast<long>(net.n_frames) * C), windows.resize(n_windows * narrow);
    float *const frame_rows = x.data(), *const window_rows = windows.data();
    Output<E> made;
    made.stride = C;
    made.raw = frame_rows;
    convolve(net.in, in.row(0), in.channels(), 0, net.n_frames, made, together);
    through_blocks<E>(net.frame_blocks, net.n_frame_blocks, frame_rows, net.n_frames, together);
    in_tiles(net.n_rows, together, [&](long row, long rows) {
        Output<E> up;
        up.stride = static_cast<long>(narrow) * net.rate;
        up.raw = window_rows + row * up.stride;
        normed_layer(net.frame_norm, net.up, frame_rows + (net.n_skipped + row) * C, C, rows, up);
    });
    through_blocks<E>(net.window_blocks, net.n_window_blocks, window_rows, n_windows, together);
    bins.fit(n_windows, wide);
    float* const first_bin = bins.row(0);  // not through `bins` on other threads: each has its own
    in_tiles(n_windows, together, [&](long row, long rows) {
        Output<E> spectrum;
        spectrum.stride = wide;
        spectrum.raw = first_bin + row * wide;
        normed_layer(net.window_norm, net.spectrum, window_rows + row * narrow, narrow, rows, spectrum);
        for (long r = row; r < row + rows; r++)
            for (int c = 0; c < net.n_bins; c += LANES) {
                float *real = first_bin + r * wide + c, *imaginary = real + net.n_bins;
                const floats log = load(real);
                const floats magnitude = exponential(log < net.most ? log : splat(net.most));
                floats cosine, sine;
                turn(load(imaginary), cosine, sine);
                store(real, magnitude * cosine);
                store(imaginary, magnitude * sine);
            }
    });
    const int hop = static_cast<int>(rounded_up(net.hop, LANES)), reach = net.inverse.n_taps / 2;
    in_tiles(n_windows, together, [&](long row, long rows) {
        static thread_local std::vector<float> sound;
        sound.resize(rows * hop);
        Output<float> heard;
        heard.stride = hop;
        heard.raw = sound.data();
        convolve(net.inverse, first_bin + row * wide, wide, 0, rows, heard, Alone{});
        for (long r = 0; r < rows; r++) {
            float* part = sound.data() + r * hop;
            for (int c = 0; c < hop; c += LANES) {
                floats share = {};
                for (int tap = 0; tap < net.inverse.n_taps; tap++) {
                    const long beside = row + r + tap - reach;
                    if (beside >= 0 && beside < n_windows) share += load(net.shares + tap * hop + c);
                }
                const floats y = load(part + c) / larger(share, splat(LEAST_SHARE));
                store(part + c, larger(y < 1.0f ? y : splat(1.0f), splat(-1.0f)));
            }
            const long at = (row + r) * net.hop - net.n_skipped_samples;
            for (long i = std::max(0L, -at); i < std::min<long>(net.hop, net.n_samples - at); i++)
                samples[at + i] = part[i];
        }
    });
}
