// The encoders of the semantic prior (networks/layers/encoder.py) over rows of channels, and their attention.
//
// Queries are taken a few at a time, so that a key or a value that is read serves all of them. What a query finds
// does not depend on which others are taken with it.
#pragma once

#include <cmath>

#include "norm.h"
#include "rows.h"

// Rows of queries, keys and values; head h has the columns from h * dim on.
struct Attention {
    const float *queries, *keys, *values;
    int64_t n_queries, n_keys;
    int64_t query_stride, key_stride;  // numbers from one row to the next; values lie like keys
    int32_t n_heads, dim;              // dim is a multiple of 16
    int32_t window;                    // near_* speak of neighbours up to so far away; without them, of none
    const float* near_keys;            // [dim][16], of neighbours -window ... window, then zeros
    const float* near_values;          // [2 * window + 1][dim]
};

constexpr int QUERIES = 4;
#if defined(__AVX512F__)
constexpr int KEY_VECTORS = 4;  // with QUERIES, as many sums as registers hold
constexpr int VALUE_VECTORS = 4;
#else
constexpr int KEY_VECTORS = 1;
constexpr int VALUE_VECTORS = 1;
#endif

// How well N vectors of keys, [N][dim][16], match R queries.
template <int R, int N>
void match(const float* const* queries, const float* keys, int dim, float* const* scores) {
    Sums acc[R][N];
    UNROLLED for (int r = 0; r < R; r++)
        UNROLLED for (int i = 0; i < N; i++) acc[r][i] = floats{};
    for (int d = 0; d < dim; d++) {
        Sums key[N];
        UNROLLED for (int i = 0; i < N; i++) key[i] = sums_at(keys + (long(i) * dim + d) * LANES);
        UNROLLED for (int r = 0; r < R; r++)
            UNROLLED for (int i = 0; i < N; i++) acc[r][i] = more(key[i], queries[r][d], acc[r][i]);
    }
    UNROLLED for (int r = 0; r < R; r++)
        UNROLLED for (int i = 0; i < N; i++) store(scores[r] + i * LANES, acc[r][i]);
}

// Adds n values to N vectors of R sums, each weighted by what its query gives them.
template <int R, int N>
void mix(const float* const* weights, const float* values, long stride, long n, float* const* sums) {
    Sums acc[R][N];
    UNROLLED for (int r = 0; r < R; r++)
        UNROLLED for (int i = 0; i < N; i++) acc[r][i] = sums_at(sums[r] + i * LANES);
    for (long j = 0; j < n; j++) {
        Sums value[N];
        UNROLLED for (int i = 0; i < N; i++) value[i] = sums_at(values + j * stride + i * LANES);
        UNROLLED for (int r = 0; r < R; r++)
            UNROLLED for (int i = 0; i < N; i++) acc[r][i] = more(value[i], weights[r][j], acc[r][i]);
    }
    UNROLLED for (int r = 0; r < R; r++)
        UNROLLED for (int i = 0; i < N; i++) store(sums[r] + i * LANES, acc[r][i]);
}

// Scores [n], and -inf to whole vectors, to e^(score - largest); returns one over their sum.
inline float soften(float* scores, long n_padded) {
    floats best = load(scores);
    for (long j = LANES; j < n_padded; j += LANES) best = larger(best, load(scores + j));
    const floats top = splat(largest(best));
    floats total = {};
    for (long j = 0; j < n_padded; j += LANES) {
        const floats e = exponential(load(scores + j) - top);
        store(scores + j, e);
        total += e;
    }
    return 1.0f / sum(total);
}

// What R queries from `first` on find in head h, into `out`, whose row 0 is the first query's. `keys`
// [n / 16][dim][16] are the head's.
template <int R, class E>
void attend(const Attention& heads, int h, long first, const float* keys, E* out, long out_stride) {
    static thread_local std::vector<float> space;
    const int D = heads.dim, W = heads.window, n_near = 2 * W + 1;
    const long n = heads.n_keys, n_padded = rounded_up(n, LANES), own = D + n_padded + D + LANES;
    if (static_cast<long>(space.size()) < R * own) space.resize(R * own);
    float *queries[R], *scores[R], *found[R], *near[R];
    const float scale = 1.0f / std::sqrt(static_cast<float>(D));
    for (int r = 0; r < R; r++) {
        queries[r] = space.data() + r * own;
        scores[r] = queries[r] + D;
        found[r] = scores[r] + n_padded;
        near[r] = found[r] + D;
        const float* query = heads.queries + (first + r) * heads.query_stride + h * D;
        for (int d = 0; d < D; d += LANES) store(queries[r] + d, load(query + d) * scale);
        for (int d = 0; d < D; d += LANES) store(found[r] + d, floats{});
    }
    long at = 0;
    float* places[R];
    const auto matched = [&]<int N>() {
        for (; at + N * LANES <= n_padded; at += N * LANES) {
            for (int r = 0; r < R; r++) places[r] = scores[r] + at;
            match<R, N>(queries, keys + at * D, D, places);
        }
    };
    matched.template operator()<KEY_VECTORS>();
    matched.template operator()<1>();
    // Neighbour j of query t is key t + j - W.
    if (heads.near_keys) match<R, 1>(queries, heads.near_keys, D, near);
    for (int r = 0; r < R; r++) {
        const long t = first + r;
        if (heads.near_keys)
            for (int j = 0; j < n_near; j++)
                if (t + j >= W && t + j - W < n) scores[r][t + j - W] += near[r][j];
        for (long j = n; j < n_padded; j++) scores[r][j] = -__builtin_inff();
        const float norm = soften(scores[r], n_padded);
        for (long j = 0; j < n_padded; j += LANES) store(scores[r] + j, load(scores[r] + j) * norm);
        if (heads.near_keys)
            for (int j = 0; j < n_near; j++)
                near[r][j] = t + j >= W && t + j - W < n ? scores[r][t + j - W] : 0.0f;
    }
    int d = 0;
    const float* values = heads.values + h * D;
    const auto mixed = [&]<int N>() {
        for (; d + N * LANES <= D; d += N * LANES) {
            for (int r = 0; r < R; r++) places[r] = found[r] + d;
            mix<R, N>(scores, values + d, heads.key_stride, n, places);
            if (heads.near_values) mix<R, N>(near, heads.near_values + d, D, n_near, places);
        }
    };
    mixed.template operator()<VALUE_VECTORS>();
    mixed.template operator()<1>();
    for (int r = 0; r < R; r++)
        for (d = 0; d < D; d += LANES) keep(out + r * out_stride + h * D + d, load(found[r] + d));
}

// All queries; `out` is of the first.
template <class E>
void attend(const Attention& heads, E* out, long out_stride, const Together& together) {
    static thread_local std::vector<float> space;
    constexpr long PART = 8 * QUERIES;
    const int H = heads.n_heads, D = heads.dim;
    const long n_padded = rounded_up(heads.n_keys, LANES), n_parts = (heads.n_queries + PART - 1) / PART;
    if (static_cast<long>(space.size()) < H * D * n_padded) space.resize(H * D * n_padded);
    float* const keys = space.data();
    together(static_cast<int>(n_padded / LANES), [&](int part) {
        for (int h = 0; h < H; h++)
            for (int i = 0; i < LANES; i++) {
                const long j = std::min(long(part) * LANES + i, long(heads.n_keys) - 1);
                const float* key = heads.keys + j * heads.key_stride + h * D;
                float* to = keys + (h * n_padded + long(part) * LANES) * D + i;
                for (int d = 0; d < D; d++) to[d * LANES] = key[d];
            }
    });
    together(static_cast<int>(H * n_parts), [&](int unit) {
        const int h = unit % H;
        const float* own = keys + h * n_padded * D;
        long t = unit / H * PART;
        const long last = std::min(t + PART, long(heads.n_queries));
        for (; t + QUERIES <= last; t += QUERIES)
            attend<QUERIES>(heads, h, t, own, out + t * out_stride, out_stride);
        for (; t < last; t++) attend<1>(heads, h, t, own, out + t * out_stride, out_stride);
    });
}

struct EncoderBlock {
    Conv qkv, mix, expand, contract;
    Norm norm1, norm2;
    const float *near_keys, *near_values;
    int32_t channels, hidden, n_heads, window;
};

// x [n][C] through all blocks, in place.
template <class E>
void through_encoder(const EncoderBlock* blocks, int n_blocks, float* x, long n, const Together& together) {
    static thread_local Rows<E> active, wide;
    static thread_local std::vector<float> space;
    const int C = blocks[0].channels, hidden = static_cast<int>(rounded_up(blocks[0].hidden, LANES));
    if (static_cast<long>(space.size()) < 4 * n * C) space.resize(4 * n * C);
    float *const heads = space.data(), *const summed = heads + 3 * n * C;
    active.fit(n, C), wide.fit(n, hidden);
    E *const rows = active.row(0), *const within = wide.row(0);
    for (long i = 0; i < n * C; i += LANES) keep(rows + i, load(x + i));
    // x = norm(x + what a layer makes of `from`)
    const auto add = [&](const Conv& layer, const E* from, int width, const Norm& norm) {
        Output<E> made;
        made.stride = C;
        made.residual = x;
        made.raw = summed;
        convolve(layer, from, width, 0, n, made, together);
        in_tiles(n, together, [&](long first, long some) {
            for (long t = first; t < first + some; t++)
                normalise(summed + t * C, C, norm, [&](int c, floats y) {
                    store(x + t * C + c, y);
                    keep(rows + t * C + c, y);
                });
        });
    };
    for (int b = 0; b < n_blocks; b++) {
        const EncoderBlock& block = blocks[b];
        Output<E> made;
        made.stride = 3 * C;
        made.raw = heads;
        convolve(block.qkv, rows, C, 0, n, made, together);
        Attention attention;
        attention.queries = heads, attention.keys = heads + C, attention.values = heads + 2 * C;
        attention.n_queries = attention.n_keys = n;
        attention.query_stride = attention.key_stride = 3 * C;
        attention.n_heads = block.n_heads, attention.dim = C / block.n_heads;
        attention.window = block.window;
        attention.near_keys = block.near_keys, attention.near_values = block.near_values;
        attend(attention, rows, C, together);
        add(block.mix, rows, C, block.norm1);
        made = Output<E>();
        made.stride = hidden;
        made.active = within;
        made.slope = 0.0f;
        convolve(block.expand, rows, C, 0, n, made, together);
        add(block.contract, within, hidden, block.norm2);
    }
}
