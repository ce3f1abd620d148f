// Blocks of a Vocos (networks/vocoders/vocos.py) over rows of channels: a convolution of each channel for itself, a
// norm, a wide layer and a narrow one beside a residual path.
//
// A thread takes a tile of rows through all of a block while it stays in the nearest caches; only the first
// convolution looks at other tiles' rows, which the block before has left whole. A row takes the same steps
// whatever tile it is in.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "convolution.h"

struct Block {
    const float* depthwise;  // [n_taps][C], the middle one for the row itself
    const float* bias;       // [C]
    const float *norm_weight, *norm_bias;
    Conv widen, narrow;      // the residual scale is part of the second
    int32_t channels, n_taps;
};

constexpr int TILE = 48;  // rows
constexpr float NORM_EPSILON = 1e-5f;

// x times the normal distribution's share below it. The error function is Abramowitz and Stegun's 7.1.26, good to
// 2e-7.
inline floats gelu(floats x) {
    const floats z = x * 0.70710678f, size = z < 0.0f ? -z : z;
    const floats t = 1.0f / (1.0f + 0.3275911f * size);
    floats y = splat(1.061405429f);
    for (float factor : {-1.453152027f, 1.421413741f, -0.284496736f, 0.254829592f}) y = fused(y, t, splat(factor));
    const floats rest = 0.5f * y * t * exp_of_negative(-(size * size));  // the share beyond |x|
    return x * (z < 0.0f ? rest : 1.0f - rest);
}

// One row: its neighbours' channels mixed, then brought to mean 0 and deviation 1. `x` is row 0 of n.
template <class E>
void normed_row(const Block& block, const float* x, long row, long n, float* mixed, E* out) {
    const int C = block.channels, reach = block.n_taps / 2;
    const long first = std::max(row - reach, 0L), last = std::min(row + reach, n - 1);
    floats total = {};
    for (int c = 0; c < C; c += LANES) {
        floats y = load(block.bias + c);
        for (long r = first; r <= last; r++)
            y = fused(load(block.depthwise + (r - row + reach) * C + c), load(x + r * C + c), y);
        store(mixed + c, y);
        total += y;
    }
    const float mean = sum(total) / C;
    floats squares = {};
    for (int c = 0; c < C; c += LANES) {
        const floats y = load(mixed + c) - mean;
        squares = fused(y, y, squares);
    }
    const float scale = 1.0f / std::sqrt(sum(squares) / C + NORM_EPSILON);
    for (int c = 0; c < C; c += LANES) {
        const floats y = (load(mixed + c) - mean) * scale;
        keep(out + c, fused(y, load(block.norm_weight + c), load(block.norm_bias + c)));
    }
}

// x [n][C] through all blocks, in place; `alone` runs what a thread has for itself.
template <class E, class Together, class Alone>
void through_blocks(
    const Block* blocks, int n_blocks, float* x, long n, const Together& together, const Alone& alone) {
    static thread_local std::vector<float> space;
    const int C = blocks[0].channels, wide = blocks[0].widen.n_blocks * blocks[0].widen.width * LANES;
    if (static_cast<long>(space.size()) < n * C) space.resize(n * C);
    float *from = x, *to = space.data();
    for (int b = 0; b < n_blocks; b++) {
        const Block& block = blocks[b];
        const float* const source = from;
        float* const target = to;
        together(static_cast<int>((n + TILE - 1) / TILE), [&](int tile) {
            static thread_local std::vector<float> mixed, hidden;
            static thread_local std::vector<E> normed, active;
            mixed.resize(C), hidden.resize(TILE * wide), normed.resize(TILE * C), active.resize(TILE * wide);
            const long row = static_cast<long>(tile) * TILE, rows = std::min<long>(TILE, n - row);
            for (long r = 0; r < rows; r++)
                normed_row(block, source, row + r, n, mixed.data(), normed.data() + r * C);
            Output<E> made;
            made.stride = wide;
            made.raw = hidden.data();
            convolve(block.widen, normed.data(), C, 0, rows, made, alone);
            for (long i = 0; i < rows * wide; i += LANES) keep(active.data() + i, gelu(load(hidden.data() + i)));
            made = Output<E>();
            made.stride = C;
            made.residual = source + row * C;
            made.raw = target + row * C;
            convolve(block.narrow, active.data(), wide, 0, rows, made, alone);
        });
        std::swap(from, to);
    }
    if (from != x) std::copy(from, from + n * C, x);
}
