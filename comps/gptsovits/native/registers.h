// As many numbers at once as one register of this processor holds. For loops that keep several sums: wider
// vectors, which are several registers, do not stay in them.
#pragma once

#include "vectors.h"
#ifdef __SSE2__
#include <immintrin.h>
#endif

// A number of 16 bits with a fraction of ten. A float holds each of them exactly.
struct fp16 {
    uint16_t bits;
};

#if defined(__AVX512F__)
constexpr int REGISTER = LANES, N_REGISTERS = 32;

typedef floats reg;

inline reg get(const fp16* from) {
    return (reg)_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
}
template <class T>
inline reg get(const T* from) { return load(from); }

inline reg add_product(reg a, reg b, reg sum) { return fused(a, b, sum); }

#elif defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
constexpr int REGISTER = 8, N_REGISTERS = 16;

typedef float reg __attribute__((vector_size(32), aligned(4)));

inline reg get(const float* from) { return (reg)_mm256_loadu_ps(from); }
inline reg get(const bf16* from) {
    const __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
    return (reg)_mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
}
inline reg get(const fp16* from) {
    return (reg)_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
}
inline reg get(const int8_t* from) {
    const __m128i eight = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from));
    return (reg)_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(eight));
}

inline reg add_product(reg a, reg b, reg sum) { return (reg)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)sum); }

#else
#if defined(__aarch64__)
constexpr int REGISTER = 4, N_REGISTERS = 32;
#else
constexpr int REGISTER = 4, N_REGISTERS = 16;
#endif

typedef float reg __attribute__((vector_size(16), aligned(4)));
typedef int32_t reg_ints __attribute__((vector_size(16), aligned(4)));

#if defined(__SSE2__)
// Between themselves or zeros, numbers become wider; GCC would take dozens of instructions.
inline reg_ints in_upper_halves(const uint16_t* from) {
    const __m128i four = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from));
    return (reg_ints)_mm_unpacklo_epi16(_mm_setzero_si128(), four);
}
inline reg_ints widened_four(const int8_t* from) {
    int32_t bits;
    std::memcpy(&bits, from, sizeof bits);
    __m128i four = _mm_cvtsi32_si128(bits);
    four = _mm_unpacklo_epi8(four, four);
    return (reg_ints)_mm_srai_epi32(_mm_unpacklo_epi16(four, four), 24);
}
#else
inline reg_ints in_upper_halves(const uint16_t* from) {
    typedef uint16_t four __attribute__((vector_size(8), aligned(2)));
    return __builtin_convertvector(*reinterpret_cast<const four*>(from), reg_ints) << 16;
}
inline reg_ints widened_four(const int8_t* from) {
    typedef int8_t four __attribute__((vector_size(4), aligned(1)));
    return __builtin_convertvector(*reinterpret_cast<const four*>(from), reg_ints);
}
#endif

inline reg get(const float* from) { return *reinterpret_cast<const reg*>(from); }
inline reg get(const bf16* from) { return (reg)in_upper_halves(&from->bits); }
inline reg get(const fp16* from) {
    // Exponent and fraction go where a float has them, and an exact product makes up for the exponents' other
    // zero: of the smallest numbers too, which have no leading one.
    const reg_ints bits = in_upper_halves(&from->bits);
    const reg size = (reg)((bits & 0x7fffffff) >> 3) * 0x1p112f;
    return (reg)((reg_ints)size | (bits & INT32_MIN));
}
inline reg get(const int8_t* from) { return __builtin_convertvector(widened_four(from), reg); }

inline reg add_product(reg a, reg b, reg sum) { return a * b + sum; }
#endif

inline void put(float* to, reg value) { *reinterpret_cast<reg*>(to) = value; }

inline reg spread(float value) { return value - reg{}; }
