// One head's query over one row of the cache.
#pragma once

#include <vector>

#include "vectors.h"

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
        static thread_local std::vector<float> shares;
        const int n_padded = (n + LANES - 1) / LANES * LANES;
        if (static_cast<int>(shares.size()) < n_padded) shares.resize(n_padded + 512);
        float* share = shares.data();
        const float scale = 1.0f / __builtin_sqrtf(static_cast<float>(dim));

        floats best = splat(-__builtin_inff());
        for (int at = 0; at < n_padded; at += LANES) {
            const T* block = keys + long(at) * dim;
            floats score = {};
            for (int d = 0; d < dim; d++) score = fused(load(block + d * LANES), splat(query[d] * scale), score);
            for (int i = n - at; i < LANES; i++) score[i] = -__builtin_inff();  // whatever lies there, if anything
            store(share + at, score);
            best = larger(best, score);
        }
        const floats top = splat(largest(best));
        floats total = {};
        for (int at = 0; at < n_padded; at += LANES) {
            floats e = exp_of_negative(load(share + at) - top);
            store(share + at, e);
            total += e;
        }
        const float norm = 1.0f / sum(total);

        constexpr int CHAINS = 4;  // sums side by side, for an addition takes four cycles
        for (int d = 0; d < dim; d += LANES) {
            floats acc[CHAINS] = {};
            int j = 0;
            for (; j + CHAINS <= n; j += CHAINS)
                for (int c = 0; c < CHAINS; c++)
                    acc[c] = fused(load(values + long(j + c) * dim + d), splat(share[j + c]), acc[c]);
            for (; j < n; j++)
                acc[0] = fused(load(values + long(j) * dim + d), splat(share[j]), acc[0]);
            store(out + d, ((acc[0] + acc[1]) + (acc[2] + acc[3])) * norm);
        }
    }
};
