// Convolutions in time over rows of channels, as matrix products that see each row through its neighbours.
//
// An output adds up its taps and inputs in one order, in one lane, whatever rows are computed with it: where work
// is divided, and among how many threads, changes no bit. Sums are float32, and so is what they are added to.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "vectors.h"

#if defined(__AVX512F__)
#define HAS_BFLOAT16 1
#define BFLOAT16_CODE __attribute__((target("avx512bf16,avx512vl,avx512bw")))
constexpr int N_SUMS = 24;  // with weights and inputs, they fit into 32 registers
constexpr int WIDEST = 3;
#else
#define HAS_BFLOAT16 0
#define BFLOAT16_CODE
constexpr int N_SUMS = 6;
constexpr int WIDEST = 1;
#endif
#if defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>
#endif

// Sixteen sums as registers hold them: what is spread over two of them is added to by halves.
#if defined(__AVX2__) && defined(__FMA__) && !defined(__AVX512F__)
struct Sums {
    __m256 low, high;
    Sums() = default;
    Sums(floats from) { std::memcpy(this, &from, sizeof *this); }
    operator floats() const {
        floats whole;
        std::memcpy(&whole, this, sizeof whole);
        return whole;
    }
};
inline Sums sums_at(const float* from) {
    Sums sums;
    sums.low = _mm256_loadu_ps(from);
    sums.high = _mm256_loadu_ps(from + LANES / 2);
    return sums;
}
inline Sums more(const Sums& weights, float x, const Sums& so_far) {
    const __m256 all = _mm256_set1_ps(x);
    Sums sums;
    sums.low = _mm256_fmadd_ps(weights.low, all, so_far.low);
    sums.high = _mm256_fmadd_ps(weights.high, all, so_far.high);
    return sums;
}
#else
using Sums = floats;
inline Sums sums_at(const float* from) { return load(from); }
inline Sums more(Sums weights, float x, Sums so_far) { return fused(weights, splat(x), so_far); }
#endif

// Weights [n_blocks][n_taps][n_in / step][width * 16][step], bias [n_blocks * width * 16]; a step is one float or
// two bfloat16.
struct Conv {
    const void* weight;
    const float* bias;
    int32_t n_in, n_blocks, width;
    int32_t n_taps, dilation, first;  // tap i of row t looks at row t * pace + first + i * dilation
    int32_t pace;
};

template <class E>
constexpr int STEP = sizeof(float) / sizeof(E);

// What becomes of the sums of a row: y = (sum + residual + before), kept as it is in `raw`, and activated, as
// leaky(y * scale), in `active`. All point to the first row and the first output; any may be missing.
template <class E>
struct Output {
    long stride = 0;  // numbers from one row to the next
    const float* residual = nullptr;
    const float* before = nullptr;
    float* raw = nullptr;
    E* active = nullptr;
    float scale = 1.0f, slope = 1.0f;

    Output from(long offset) const {
        Output moved = *this;
        if (residual) moved.residual += offset;
        if (before) moved.before += offset;
        if (raw) moved.raw += offset;
        if (active) moved.active += offset;
        return moved;
    }
};

inline void keep(float* to, floats value) { store(to, value); }
#if HAS_BFLOAT16
BFLOAT16_CODE inline void keep(bf16* to, floats value) {
    __m256bh narrow = _mm512_cvtneps_pbh((__m512)value);
    std::memcpy(to, &narrow, sizeof narrow);
}
#endif

// A piece of a sum: some taps and some steps of each, for a few rows.
template <class E>
struct Piece {
    const E* x;      // of the first row, tap and step
    const E* weight;
    long row_step, tap_step;  // numbers from one row's, and one tap's, to the next in x
    int n_taps, n_steps;
    long weight_step;  // numbers from one tap's weights to the next
    float* sums;       // of the rows so far, [R][P * 16]; begun by the bias, ended by the output
    const float* bias;
    bool begins, ends;
};

#define UNROLLED _Pragma("GCC unroll 32")  // so that sums stay in registers
#define PIECE_OF_SUMS(ADD)                                                                     \
    Sums acc[R][P];                                                                            \
    UNROLLED for (int r = 0; r < R; r++)                                                       \
        UNROLLED for (int p = 0; p < P; p++)                                                   \
            acc[r][p] = sums_at(piece.begins ? piece.bias + p * LANES : piece.sums + (r * P + p) * LANES); \
    for (int tap = 0; tap < piece.n_taps; tap++) {                                             \
        const E* x = piece.x + tap * piece.tap_step;                                           \
        const E* w = piece.weight + tap * piece.weight_step;                                   \
        for (int s = 0; s < piece.n_steps; s++, x += STEP<E>, w += P * LANES * STEP<E>) {      \
            ADD                                                                                \
        }                                                                                      \
    }                                                                                          \
    UNROLLED for (int r = 0; r < R; r++)                                                       \
        UNROLLED for (int p = 0; p < P; p++) {                                                 \
            floats y = acc[r][p];                                                              \
            if (!piece.ends) {                                                                 \
                store(piece.sums + (r * P + p) * LANES, y);                                    \
                continue;                                                                      \
            }                                                                                  \
            const long at = r * out.stride + p * LANES;                                        \
            if (out.residual) y += load(out.residual + at);                                    \
            if (out.before) y += load(out.before + at);                                        \
            if (out.raw) store(out.raw + at, y);                                               \
            if (out.active) {                                                                  \
                y *= out.scale;                                                                \
                keep(out.active + at, larger(y, y * out.slope));                               \
            }                                                                                  \
        }

template <int P, int R>
void add_up(const Piece<float>& piece, const Output<float>& out) {
    using E = float;
    PIECE_OF_SUMS(
        Sums weights[P];
        for (int p = 0; p < P; p++) weights[p] = sums_at(w + p * LANES);
        UNROLLED for (int r = 0; r < R; r++)
            UNROLLED for (int p = 0; p < P; p++)
                acc[r][p] = more(weights[p], x[r * piece.row_step], acc[r][p]);)
}

#if HAS_BFLOAT16
template <int P, int R>
BFLOAT16_CODE void add_up(const Piece<bf16>& piece, const Output<bf16>& out) {
    using E = bf16;
    PIECE_OF_SUMS(
        __m512bh weights[P];
        for (int p = 0; p < P; p++) weights[p] = (__m512bh)_mm512_loadu_si512(w + p * LANES * STEP<E>);
        UNROLLED for (int r = 0; r < R; r++) {
            int32_t pair;
            std::memcpy(&pair, x + r * piece.row_step, sizeof pair);
            __m512bh both = (__m512bh)_mm512_set1_epi32(pair);
            UNROLLED for (int p = 0; p < P; p++)
                acc[r][p] = (floats)_mm512_dpbf16_ps((__m512)acc[r][p], weights[p], both);
        })
}
#endif

// Weights of a piece, so that they stay in the nearest cache while several groups of rows pass by.
constexpr int PIECE_BYTES = 16 << 10;
constexpr int GROUPS = 8;
constexpr long FAR_BYTES = 512 << 10;


// Rows 0 ... n - 1 of one block of outputs. `x` is row 0's own row, `out` that of the block's first output.
template <class E, int P>
void block_rows(const Conv& conv, int block, const E* x, long x_stride, int n, Output<E> out) {
    constexpr int R = N_SUMS / P, SIZE = P * LANES;
    static thread_local std::vector<float> space(GROUPS * R * SIZE + LANES);
    float* const sums = space.data();
    const int n_steps = conv.n_in / STEP<E>, tap_bytes = n_steps * SIZE * static_cast<int>(sizeof(float));
    const int steps = std::min(n_steps, PIECE_BYTES / SIZE / static_cast<int>(sizeof(float)));
    const int taps = steps < n_steps ? 1 : std::max(1, std::min(conv.n_taps, PIECE_BYTES / tap_bytes));
    const long weight_step = static_cast<long>(n_steps) * SIZE * STEP<E>;
    const E* weight = static_cast<const E*>(conv.weight) + block * conv.n_taps * weight_step;
    const float* bias = conv.bias + block * SIZE;
    x += conv.first * x_stride;
    for (int row = 0; row < n; row += GROUPS * R) {
        const int n_rows = std::min(n - row, GROUPS * R);
        for (int tap = 0; tap < conv.n_taps; tap += taps)
            for (int step = 0; step < n_steps; step += steps) {
                Piece<E> piece;
                piece.weight = weight + tap * weight_step + static_cast<long>(step) * SIZE * STEP<E>;
                piece.weight_step = weight_step;
                piece.row_step = conv.pace * x_stride;
                piece.tap_step = conv.dilation * x_stride;
                piece.n_taps = std::min(taps, conv.n_taps - tap);
                piece.n_steps = std::min(steps, n_steps - step);
                piece.bias = bias;
                piece.begins = tap == 0 && step == 0;
                piece.ends = tap + piece.n_taps == conv.n_taps && step + piece.n_steps == n_steps;
                int r = 0;
                auto groups = [&]<int SOME>() {
                    for (; r + SOME <= n_rows; r += SOME) {
                        piece.x = x + (row + r) * piece.row_step + tap * piece.tap_step + step * STEP<E>;
                        piece.sums = sums + r * SIZE;
                        add_up<P, SOME>(piece, out.from((row + r) * out.stride));
                    }
                };
                groups.template operator()<R>();
                if constexpr (R > 4) groups.template operator()<4>();
                groups.template operator()<1>();
            }
    }
}

template <class E>
void block_rows(const Conv& conv, int block, const E* x, long x_stride, int n, const Output<E>& out) {
    const Output<E> own = out.from(static_cast<long>(block) * conv.width * LANES);
    if (conv.width == 1) return block_rows<E, 1>(conv, block, x, x_stride, n, own);
    if constexpr (WIDEST > 1) {
        if (conv.width == 2) return block_rows<E, 2>(conv, block, x, x_stride, n, own);
        return block_rows<E, 3>(conv, block, x, x_stride, n, own);
    }
}

// Rows first ... last - 1, shared out by `run`; `x` and `out` are of row 0.
template <class E, class Run>
void convolve(
    const Conv& conv, const E* x, long x_stride, long first, long last, const Output<E>& out, const Run& run) {
    const long n = last - first;
    if (n <= 0) return;
    // Large weights are read once, for all rows; else rows are, by all blocks one after another.
    const long weight_bytes = 4L * conv.n_taps * conv.n_in / STEP<E> * conv.n_blocks * conv.width * LANES;
    const bool by_block = weight_bytes > FAR_BYTES;
    const long rows = run.rows_of_part(n, by_block ? conv.n_blocks : 1, GROUPS * N_SUMS / conv.width);
    const int n_parts = static_cast<int>((n + rows - 1) / rows);
    run(conv.n_blocks * n_parts, [&](int unit) {
        const int part = by_block ? unit % n_parts : unit / conv.n_blocks;
        const int block = by_block ? unit / n_parts : unit % conv.n_blocks;
        const long row = first + part * rows;
        block_rows(
            conv, block, x + row * conv.pace * x_stride, x_stride,
            static_cast<int>(std::min(rows, last - row)), out.from(row * out.stride));
    });
}
