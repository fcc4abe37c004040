/* One moment of an LSTM over some sketches, forward and backward, in one pass over its numbers.

   What stands between two products of matrices: rows of `size` hidden units, gates in torch's order (input, forget,
   candidate, output), the candidate's input doubled so that one sigmoid serves all four. Products come and go as float
   or as bfloat16; everything is computed in float. The same arithmetic is written with torch in model/recurrence.py. */

#include <stdint.h>
#include <string.h>

typedef uint16_t bfloat16;

static inline float load_float(const float *at) { return *at; }

static inline void store_float(float *at, float value) { *at = value; }

static inline float load_bfloat16(const bfloat16 *at) {
    uint32_t bits = (uint32_t)*at << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* To the nearest, halves to even; what is no number stays none. */
static inline void store_bfloat16(bfloat16 *at, float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    *at = (bfloat16)(value == value ? rounded : 0x7fc0u);
}

/* 2^n e^r with |r| at most half of log 2; a number that is none comes out as none. */
static inline float exponential(float x) {
    const float to_whole = 12582912.0f; /* 1.5 * 2^23: added, it rounds to whole numbers, which its last bits then hold */
    x = x > 87.0f ? 87.0f : x;
    x = x < -87.0f ? -87.0f : x;
    float shifted = x * 1.44269504f + to_whole;
    float whole = shifted - to_whole;
    float r = x - whole * 0.693359375f + whole * 2.12194440e-4f;
    float series = 1.0f / 720;
    series = series * r + 1.0f / 120;
    series = series * r + 1.0f / 24;
    series = series * r + 1.0f / 6;
    series = series * r + 0.5f;
    series = series * r + 1.0f;
    series = series * r + 1.0f;
    uint32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits + 127u) << 23;
    float power;
    memcpy(&power, &bits, sizeof power);
    return series * power;
}

static inline float sigmoid(float x) { return 1.0f / (1.0f + exponential(-x)); }

#define FORWARD(type)                                                                                                  \
    void forward_##type(long rows, long size, const type *restrict product, const float *restrict held,                \
                        const float *restrict before, float *restrict gates, float *restrict cell,                     \
                        float *restrict bent, float *restrict hidden) {                                                \
        for (long row = 0; row < rows; row++) {                                                                        \
            for (long i = 0; i < 4 * size; i++)                                                                        \
                gates[i] = sigmoid(load_##type(product + i) + held[i]);                                                \
            for (long i = 0; i < size; i++) {                                                                          \
                float candidate = 2.0f * gates[2 * size + i] - 1.0f;                                                   \
                cell[i] = gates[size + i] * before[i] + gates[i] * candidate;                                          \
                bent[i] = 2.0f * sigmoid(2.0f * cell[i]) - 1.0f;                                                       \
                hidden[i] = gates[3 * size + i] * bent[i];                                                             \
            }                                                                                                          \
            product += 4 * size, held += 4 * size, gates += 4 * size;                                                  \
            before += size, cell += size, bent += size, hidden += size;                                                \
        }                                                                                                              \
    }

/* One row of the way back. Every part of a row has a name of its own, so that the compiler knows them to be apart. */
#define BACKWARD_ROW(type)                                                                                             \
    static inline void backward_row_##type(                                                                            \
        long size, const float *restrict take, const float *restrict forget, const float *restrict doubled,            \
        const float *restrict give, const float *restrict bent, const float *restrict before,                          \
        const float *restrict d_outputs, const float *restrict d_hidden, float *restrict d_cell,                       \
        float *restrict held_take, float *restrict held_forget, float *restrict held_candidate,                        \
        float *restrict held_give, type *restrict out_take, type *restrict out_forget, type *restrict out_candidate,   \
        type *restrict out_give) {                                                                                     \
        for (long i = 0; i < size; i++) {                                                                              \
            float d_here = d_hidden[i] + d_outputs[i];                                                                 \
            float d_now = d_cell[i] + d_here * give[i] * (1.0f - bent[i] * bent[i]);                                   \
            float d_take = d_now * (2.0f * doubled[i] - 1.0f) * take[i] * (1.0f - take[i]);                            \
            float d_forget = d_now * before[i] * forget[i] * (1.0f - forget[i]);                                       \
            float d_candidate = 2.0f * d_now * take[i] * doubled[i] * (1.0f - doubled[i]);                             \
            float d_give = d_here * bent[i] * give[i] * (1.0f - give[i]);                                              \
            d_cell[i] = d_now * forget[i];                                                                             \
            held_take[i] += d_take;                                                                                    \
            held_forget[i] += d_forget;                                                                                \
            held_candidate[i] += d_candidate;                                                                          \
            held_give[i] += d_give;                                                                                    \
            store_##type(out_take + i, d_take);                                                                        \
            store_##type(out_forget + i, d_forget);                                                                    \
            store_##type(out_candidate + i, d_candidate);                                                              \
            store_##type(out_give + i, d_give);                                                                        \
        }                                                                                                              \
    }

/* `stride` is between rows of `d_outputs`; `d_hidden` is what the next moment sends back. */
#define BACKWARD(type)                                                                                                 \
    BACKWARD_ROW(type)                                                                                                 \
    void backward_##type(long rows, long size, const float *gates, const float *bent, const float *before,             \
                         const float *d_outputs, long stride, const float *d_hidden, float *d_cell, float *d_held,     \
                         type *d_gates) {                                                                              \
        for (long row = 0; row < rows; row++) {                                                                        \
            const float *gate = gates + row * 4 * size;                                                                \
            float *held = d_held + row * 4 * size;                                                                     \
            type *out = d_gates + row * 4 * size;                                                                      \
            backward_row_##type(size, gate, gate + size, gate + 2 * size, gate + 3 * size, bent + row * size,          \
                                before + row * size, d_outputs + row * stride, d_hidden + row * size,                  \
                                d_cell + row * size, held, held + size, held + 2 * size, held + 3 * size, out,         \
                                out + size, out + 2 * size, out + 3 * size);                                           \
        }                                                                                                              \
    }

FORWARD(float)
FORWARD(bfloat16)
BACKWARD(float)
BACKWARD(bfloat16)
