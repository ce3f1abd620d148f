// One head's query over one row of the cache.
#pragma once

#include <vector>

#include "registers.h"

// Where a head's keys and values of one row lie. Keys [N / 16][D][16], so that sixteen positions are compared
// at once; values [N][D].
template <class T>
struct Memory {
    T* keys;
    T* values;
    int dim;  // D, a multiple of 16

    void append(int position, const float* key, const float* value) const {
        T* block = keys + long(position / LANES) * dim * LANES + position % LANES;
        for (int d = 0; d < dim; d++) keep(block + d * LANES, key[d]);
        for (int d = 0; d < dim; d++) keep(values + long(position) * dim + d, value[d]);
    }

    // out [D]: the values of positions 0 ... n - 1, weighted by how well their keys match the query [D].
    void attend(const float* query, int n, float* out) const {
        static thread_local std::vector<float> shares, scaled;
        const int n_padded = (n + LANES - 1) / LANES * LANES;
        if (static_cast<int>(shares.size()) < n_padded) shares.resize(n_padded + 512);
        if (static_cast<int>(scaled.size()) < dim) scaled.resize(dim);
        float* share = shares.data();
        const float scale = 1.0f / __builtin_sqrtf(static_cast<float>(dim));
        for (int d = 0; d < dim; d++) scaled[d] = query[d] * scale;

        int at = 0;
        for (; at + BLOCKS * LANES <= n_padded; at += BLOCKS * LANES) compare<BLOCKS>(scaled.data(), at, share);
        for (; at < n_padded; at += LANES) compare<1>(scaled.data(), at, share);
        for (int j = n; j < n_padded; j++) share[j] = -__builtin_inff();  // whatever lies there, if anything

        floats best = splat(-__builtin_inff());
        for (at = 0; at < n_padded; at += LANES) best = larger(best, load(share + at));
        const floats top = splat(largest(best));
        floats total = {};
        for (at = 0; at < n_padded; at += LANES) {
            floats e = exponential(load(share + at) - top);
            store(share + at, e);
            total += e;
        }
        const float norm = 1.0f / sum(total);
        int d = 0;
        for (; d + 2 * REGISTER <= dim; d += 2 * REGISTER) mix<2>(share, n, d, norm, out);
        for (; d < dim; d += REGISTER) mix<1>(share, n, d, norm, out);
    }

private:
    static constexpr int CHAINS = 4;  // sums side by side, for each addition waits four cycles for the last
    static constexpr int BLOCKS = REGISTER == 4 ? 2 : 4;  // of sixteen keys, as many as their sums have room

    // How well the keys of BLOCKS times sixteen positions match.
    template <int BLOCKS>
    void compare(const float* query, int at, float* score) const {
        constexpr int PARTS = LANES / REGISTER;
        reg acc[BLOCKS * PARTS] = {};
        const T* block = keys + long(at) * dim;
        for (int d = 0; d < dim; d++)
            for (int b = 0; b < BLOCKS; b++)
                for (int p = 0; p < PARTS; p++) {
                    reg& sum = acc[b * PARTS + p];
                    sum = add_product(get(block + (b * dim + d) * LANES + p * REGISTER), spread(query[d]), sum);
                }
        for (int i = 0; i < BLOCKS * PARTS; i++) put(score + at + i * REGISTER, acc[i]);
    }

    // N registers of the values' columns, from column d on.
    template <int N>
    void mix(const float* share, int n, int d, float norm, float* out) const {
        reg acc[CHAINS][N] = {};
        auto add = [&](int chain, int j) {
            for (int i = 0; i < N; i++)
                acc[chain][i] =
                    add_product(get(values + long(j) * dim + d + i * REGISTER), spread(share[j]), acc[chain][i]);
        };
        int j = 0;
        for (; j + CHAINS <= n; j += CHAINS)
            for (int c = 0; c < CHAINS; c++) add(c, j + c);
        for (; j < n; j++) add(0, j);
        for (int i = 0; i < N; i++)
            put(out + d + i * REGISTER, ((acc[0][i] + acc[1][i]) + (acc[2][i] + acc[3][i])) * norm);
    }
};
