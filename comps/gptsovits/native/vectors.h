// Sixteen numbers at once, in the vector extensions that GCC and Clang share: one AVX-512 register, two of
// AVX, four of NEON. Every function here takes the same steps in the same order for each lane.
#pragma once

#include <cstdint>
#include <cstring>
#include <initializer_list>
#ifdef __AVX512F__
#include <immintrin.h>
#endif

constexpr int LANES = 16;

typedef float floats __attribute__((vector_size(64), aligned(4)));
typedef int32_t ints __attribute__((vector_size(64), aligned(4)));
typedef uint16_t halves __attribute__((vector_size(32), aligned(2)));
typedef int16_t shorts __attribute__((vector_size(32), aligned(2)));
typedef int8_t bytes __attribute__((vector_size(16), aligned(1)));

// A bfloat16 is the upper half of a float.
struct bf16 {
    uint16_t bits;
};

inline floats splat(float value) { return value - floats{}; }

// a * b + c, rounded once where that is fast. Said outright: a compiler that is left to decide may do so for one
// row and not for several, so it is told not to (build.py).
inline floats fused(floats a, floats b, floats c) {
#ifdef __AVX512F__
    return (floats)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#else
    return a * b + c;
#endif
}

inline floats load(const float* from) { return *reinterpret_cast<const floats*>(from); }

// GCC widens with dozens of instructions unless it is told the one that there is.
#ifdef __AVX512F__
inline ints widened(const uint16_t* from) {
    return (ints)_mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
}
inline ints widened(const int8_t* from) {
    return (ints)_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
}
#else
inline ints widened(const uint16_t* from) {
    return __builtin_convertvector(*reinterpret_cast<const halves*>(from), ints);
}
inline ints widened(const int8_t* from) {
    return __builtin_convertvector(
        __builtin_convertvector(*reinterpret_cast<const bytes*>(from), shorts), ints);
}
#endif

inline floats load(const bf16* from) { return (floats)(widened(&from->bits) << 16); }

inline floats load(const int8_t* from) { return __builtin_convertvector(widened(from), floats); }

inline void store(float* to, floats value) { *reinterpret_cast<floats*>(to) = value; }

inline void keep(float* to, float value) { *to = value; }

inline void keep(bf16* to, float value) {  // to the nearest, ties to even
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    to->bits = static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

inline float sum(floats v) {
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++) v[i] += v[i + half];
    return v[0];
}

inline floats larger(floats a, floats b) { return a > b ? a : b; }

inline float largest(floats v) {
    float best = v[0];
    for (int i = 1; i < LANES; i++) best = v[i] > best ? v[i] : best;
    return best;
}

// e^x for x < 88, to about one unit in the last place; 0 below -87. 2^n by the exponent's bits, the rest,
// within half of ln 2 around 0, by the first terms of the series.
inline floats exponential(floats x) {
    constexpr float ROUNDS = 12582912.0f;  // 1.5 * 2^23: adding it leaves no room for a fraction
    floats n = (x * 1.44269504f + ROUNDS) - ROUNDS;
    floats rest = (x - n * 0.693359375f) + n * 2.12194440e-4f;  // ln 2 in two parts
    floats y = splat(1.0f / 5040);
    for (float factor : {1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1.0f, 1.0f}) y = fused(y, rest, splat(factor));
    ints power = (__builtin_convertvector(n, ints) + 127) << 23;
    floats result = y * (floats)power;
    return x < splat(-87.0f) ? floats{} : result;
}
