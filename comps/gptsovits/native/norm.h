// Layer norm of one row.
#pragma once

#include <cmath>

#include "vectors.h"

struct Norm {
    const float *weight, *bias;  // [C]
};

constexpr float NORM_EPSILON = 1e-5f;

// x [C] brought to mean 0 and deviation 1, then scaled and shifted; sixteen numbers at a time go to `take`.
template <class Take>
void normalise(const float* x, int C, const Norm& norm, const Take& take) {
    floats total = {};
    for (int c = 0; c < C; c += LANES) total += load(x + c);
    const float mean = sum(total) / C;
    floats squares = {};
    for (int c = 0; c < C; c += LANES) {
        const floats y = load(x + c) - mean;
        squares = fused(y, y, squares);
    }
    const float scale = 1.0f / std::sqrt(sum(squares) / C + NORM_EPSILON);
    for (int c = 0; c < C; c += LANES) {
        const floats y = (load(x + c) - mean) * scale;
        take(c, fused(y, load(norm.weight + c), load(norm.bias + c)));
    }
}
