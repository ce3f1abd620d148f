// Products of rows with a packed matrix. A row's results are the same bits whatever rows come with it: each
// output adds up its inputs in the same order, alone in a lane.
#pragma once

#include <algorithm>
#include <type_traits>

#include "registers.h"

// Inputs that share a scale, and that are added up before they join the total. Rows are padded to a multiple
// with zeros.
constexpr int GROUP = 64;

enum Kind : int32_t { FLOAT32 = 0, BFLOAT16 = 1, INT8 = 2, FLOAT16 = 3 };

// Blocks of so many outputs as `width` vectors hold: weight [n_blocks][K][width * 16], read from end to end;
// scale [n_blocks][K / GROUP][width * 16] of int8 alone; bias [n_blocks * width * 16] or null.
struct Linear {
    const void* weight;
    const float* scale;
    const float* bias;
    int32_t n_in, n_blocks;  // n_in is K before it is padded
    int32_t kind, width;
};

inline int padded(int n) { return (n + GROUP - 1) / GROUP * GROUP; }

inline int block_size(const Linear& layer) { return layer.width * LANES; }

// One group of R rows and P registers of a block's WIDTH: y [R][P] += x [R][GROUP] times the weights.
template <class W, int WIDTH, int R, int P>
inline void tile(const W* weight, const float* scale, const float* x, long x_stride, float* y, long y_stride) {
    reg acc[R][P] = {};
    for (int k = 0; k < GROUP; k++) {
        reg w[P];
        for (int p = 0; p < P; p++) w[p] = get(weight + (k * WIDTH + p) * REGISTER);
        for (int r = 0; r < R; r++)
            for (int p = 0; p < P; p++)
                acc[r][p] = add_product(w[p], spread(x[r * x_stride + k]), acc[r][p]);
    }
    for (int r = 0; r < R; r++)
        for (int p = 0; p < P; p++) {
            float* out = y + r * y_stride + p * REGISTER;
            if constexpr (std::is_same_v<W, int8_t>)
                put(out, add_product(acc[r][p], get(scale + p * REGISTER), get(out)));
            else
                put(out, get(out) + acc[r][p]);
        }
}

// How many registers of a block's width are taken at once: the sums of all rows, an input and the weights, which
// a single row does not have to keep, fit into those that there are.
constexpr int at_once(int n_rows, int width) {
    int n = width;
    while (n > 1 && (width % n || n_rows * n + (n_rows > 1 ? n : 1) + 1 > N_REGISTERS)) n--;
    return n;
}

// Rows that share a weight that is read.
constexpr int most_rows(int width) { return REGISTER == LANES ? 24 / width : 4; }

template <class W, int WIDTH>
void block_of(const Linear& layer, int index, const float* x, int n_rows, long x_stride, float* y, long y_stride) {
    constexpr int SIZE = WIDTH * REGISTER;
    const long n_in = padded(layer.n_in), n_groups = n_in / GROUP;
    const W* weight = static_cast<const W*>(layer.weight) + index * n_in * SIZE;
    for (int r = 0; r < n_rows; r++)
        for (int i = 0; i < SIZE; i += REGISTER)
            put(y + r * y_stride + i, layer.bias ? get(layer.bias + index * SIZE + i) : reg{});
    for (long g = 0; g < n_groups; g++) {
        const W* w = weight + g * GROUP * SIZE;
        const float* scale = layer.scale + (index * n_groups + g) * SIZE;  // never read unless there are some
        int r = 0;
        auto rows = [&]<int R>() {
            constexpr int P = at_once(R, WIDTH);
            for (; r + R <= n_rows; r += R)
                for (int p = 0; p < WIDTH; p += P)
                    tile<W, WIDTH, R, P>(
                        w + p * REGISTER, scale + p * REGISTER, x + r * x_stride + g * GROUP, x_stride,
                        y + r * y_stride + p * REGISTER, y_stride);
        };
        if constexpr (most_rows(WIDTH) > 4) rows.template operator()<most_rows(WIDTH)>();
        rows.template operator()<4>();
        rows.template operator()<2>();
        rows.template operator()<1>();
    }
}

template <class W>
void block_of(const Linear& layer, int index, const float* x, int n, long x_stride, float* y, long y_stride) {
    constexpr int PARTS = LANES / REGISTER;
    if (layer.width == 3) block_of<W, 3 * PARTS>(layer, index, x, n, x_stride, y, y_stride);
    else if (layer.width == 4) block_of<W, 4 * PARTS>(layer, index, x, n, x_stride, y, y_stride);
    else block_of<W, 6 * PARTS>(layer, index, x, n, x_stride, y, y_stride);
}

// One block's outputs: x [n][x_stride] -> y [n][y_stride].
inline void product(
    const Linear& layer, int index, const float* x, int n, long x_stride, float* y, long y_stride) {
    if (layer.kind == INT8) block_of<int8_t>(layer, index, x, n, x_stride, y, y_stride);
    else if (layer.kind == BFLOAT16) block_of<bf16>(layer, index, x, n, x_stride, y, y_stride);
    else if (layer.kind == FLOAT16) block_of<fp16>(layer, index, x, n, x_stride, y, y_stride);
    else block_of<float>(layer, index, x, n, x_stride, y, y_stride);
}
