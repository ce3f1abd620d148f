// The next token of each row, as engine/sampling.py draws it with torch.
#pragma once

#include <cmath>
#include <vector>

#include "vectors.h"

struct Drawing {
    const uint8_t* seen;  // [V]: said before, or in the prompt
    uint64_t seed;
    int64_t step;  // tokens drawn so far
    int32_t min_tokens;  // no end before
    int32_t top_k;
    float penalty;
    float temperature;
    int32_t token;  // the answer; -1 when a logit is no number
    int32_t best;  // the likeliest, before temperature and top_k
};

// A number between 0 and 1 that depends on its arguments alone; engine/noise.py has the same in torch.
inline uint64_t scrambled(uint64_t z) {  // the finalizer of splitmix64
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

inline float uniform(uint64_t seed, int64_t step, int token) {
    uint64_t z = scrambled(seed + 0x9e3779b97f4a7c15u * (static_cast<uint64_t>(step) + 1));
    z = scrambled(z + 0x9e3779b97f4a7c15u * (static_cast<uint64_t>(token) + 1));
    return (static_cast<float>(z >> 41) + 0.5f) * 0x1p-23f;
}

inline void draw(const float* logits, int n, Drawing& it) {
    static thread_local std::vector<float> adjusted, top;
    adjusted.resize(n);
    const int k = it.top_k < n ? it.top_k : n, end = n - 1;
    int best = 0;
    bool is_finite = true;
    for (int i = 0; i < n; i++) {
        float x = logits[i];
        is_finite &= std::fabs(x) <= __FLT_MAX__;
        if (i == end && it.step < it.min_tokens) x = -__builtin_inff();
        if (it.seen[i]) x = x < 0 ? x * it.penalty : x / it.penalty;
        adjusted[i] = x;
        if (x > adjusted[best]) best = i;
    }
    it.token = -1;
    it.best = best;
    if (!is_finite) return;
    top.assign(k, -__builtin_inff());  // the k largest, in order, the smallest last
    for (int i = 0; i < n; i++) {
        float x = adjusted[i] /= it.temperature;
        if (x <= top[k - 1]) continue;
        int at = k - 1;
        for (; at > 0 && top[at - 1] < x; at--) top[at] = top[at - 1];
        top[at] = x;
    }
    float highest = -__builtin_inff();
    for (int i = 0; i < n; i++) {
        if (!(adjusted[i] >= top[k - 1]) || adjusted[i] == -__builtin_inff()) continue;
        // Gumbel's trick: the largest of logits less log of exponential noise is a draw from their softmax.
        float value = adjusted[i] - std::log(-std::log(uniform(it.seed, it.step, i)));
        if (value > highest) highest = value, it.token = i;
    }
}
