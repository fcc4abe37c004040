/* Looking back at earlier points, forward and backward: attention, and the density of anchors.

   For each of `rows` rows of each of `sketches` sketches, the points 0 to `row` of a table are seen from the pen.
   `scratch` is the caller's. */

#include "ink.h"

static void transpose_back(const float *columns, long points, long width, float *table, long step) {
    for (long j = 0; j < points; j++)
        for (long c = 0; c < width; c++) table[j * width + c] = columns[c * step + j];
}

/* Add to columns, `columns[c][j] += factor * weights[j] numbers[c]`. */
static void spread_out(float *restrict columns, long step, const float *restrict weights, const float *restrict numbers,
                       long number, float factor, long count) {
    for (long c = 0; c < number; c++) {
        const float scaled = factor * numbers[c];
        float *restrict column = columns + c * step;
#pragma omp simd
        for (long j = 0; j < count; j++) column[j] += scaled * weights[j];
    }
}

static void score(const Sizes *s, const float *query, const float *keys, const float *seen, long step, float scale,
                  long count, float *out) {
    memset(out, 0, (size_t)count * sizeof *out);
    add_columns(keys, step, query, s->key, scale, count, out);
    add_columns(seen, step, query + s->key, GEOMETRY, 1.0f, count, out);
}

/* Score the anchors of both kinds; `columns` are those of a whole table. */
static void anchor_scores(const Sizes *s, const float *query, const float *columns, const float *seen, long step,
                          long count, float *scores) {
    const float scale = 1.0f / __builtin_sqrtf((float)s->key);
    for (long kind = 0; kind < KINDS; kind++)
        score(s, query + kind * (s->key + GEOMETRY), columns + (2 * s->heads + kind) * s->key * step, seen, step, scale,
              count, scores + kind * step);
    without_empty_segments(columns + (width_of(s) - PLACE) * step, step, count, scores);
}

/* Floats of scratch that every function here wants. */
long scratch_floats(long points, long heads, long key) {
    Sizes s = {0, 0, points, heads, key, 0};
    return padded(points) * (2 * width_of(&s) + GEOMETRY + 2 * KINDS + 4);
}

/* context: [sketches, rows, heads, key + GEOMETRY], what is found in values and in geometry. normaliser: [sketches,
   rows, heads], the logarithm of the sum of the exponentials of all scores. */
void attend_forward(long sketches, long rows, long points, long heads, long key, long stride, const int64_t *slots,
                    const float *query, const float *table, const float *pen, const float *row, float *context,
                    float *normaliser, float *scratch) {
    const Sizes s = {sketches, rows, points, heads, key, stride};
    const long width = width_of(&s), step = padded(points), part = key + GEOMETRY;
    const float scale = 1.0f / __builtin_sqrtf((float)key);
    float *columns = scratch, *seen = columns + 2 * width * step, *weights = seen + GEOMETRY * step;
    for (long b = 0; b < sketches; b++) {
        const float *own = table + (slots ? slots[b] : b) * stride;
        transpose(own, points, width, 0, width, columns, step);
        for (long i = 0; i < rows; i++) {
            const long at = b * rows + i, count = (long)row[at] + 1;
            see(columns + (width - PLACE) * step, step, pen + at * PLACE, row[at], count, seen);
            for (long h = 0; h < heads; h++) {
                const float *q = query + (at * heads + h) * part;
                float *found = context + (at * heads + h) * part;
                score(&s, q, columns + h * key * step, seen, step, scale, count, weights);
                const float most = largest(weights, count), sum = exponentials(weights, most, count);
                normaliser[at * heads + h] = most + logarithm(sum);
                memset(found, 0, (size_t)part * sizeof *found);
                add_products(columns + (heads + h) * key * step, step, weights, key, 1.0f / sum, count, found);
                add_products(seen, step, weights, GEOMETRY, 1.0f / sum, count, found + key);
            }
        }
    }
}

/* d_table is written whole; only keys and values have a gradient here. */
void attend_backward(long sketches, long rows, long points, long heads, long key, long stride, const float *query,
                   const float *table, const float *pen, const float *row, const float *context,
                   const float *normaliser, const float *d_context, float *d_query, float *d_table, float *scratch) {
    const Sizes s = {sketches, rows, points, heads, key, stride};
    const long width = width_of(&s), step = padded(points), part = key + GEOMETRY;
    const float scale = 1.0f / __builtin_sqrtf((float)key);
    float *columns = scratch, *d_columns = columns + width * step, *seen = d_columns + width * step;
    float *weights = seen + GEOMETRY * step, *d_scores = weights + step;
    for (long b = 0; b < sketches; b++) {
        transpose(table + b * stride, points, width, 0, width, columns, step);
        memset(d_columns, 0, (size_t)(width * step) * sizeof *d_columns);
        for (long i = 0; i < rows; i++) {
            const long at = b * rows + i, count = (long)row[at] + 1;
            see(columns + (width - PLACE) * step, step, pen + at * PLACE, row[at], count, seen);
            for (long h = 0; h < heads; h++) {
                const long place = (at * heads + h) * part;
                const float *q = query + place, *d_found = d_context + place;
                const long k = h * key * step, v = (heads + h) * key * step;
                score(&s, q, columns + k, seen, step, scale, count, weights);
                exponentials(weights, normaliser[at * heads + h], count);
                memset(d_scores, 0, (size_t)count * sizeof *d_scores);
                add_columns(columns + v, step, d_found, key, 1.0f, count, d_scores);
                add_columns(seen, step, d_found + key, GEOMETRY, 1.0f, count, d_scores);
                float mean = 0.0f;
                for (long c = 0; c < part; c++) mean += context[place + c] * d_found[c];
#pragma omp simd
                for (long j = 0; j < count; j++) d_scores[j] = weights[j] * (d_scores[j] - mean);
                memset(d_query + place, 0, (size_t)part * sizeof *d_query);
                add_products(columns + k, step, d_scores, key, scale, count, d_query + place);
                add_products(seen, step, d_scores, GEOMETRY, 1.0f, count, d_query + place + key);
                spread_out(d_columns + k, step, d_scores, q, key, scale, count);
                spread_out(d_columns + v, step, weights, d_found, key, 1.0f, count);
            }
        }
        transpose_back(d_columns, points, width, d_table + b * points * width, step);
    }
}

/* log_prob: [sketches, rows], of the offset that leads to `target` [sketches, rows, 2]. normaliser: [sketches, rows], of
   the anchors' scores. */
void anchors_forward(long sketches, long rows, long points, long heads, long key, long stride, const int64_t *slots,
                     const float *query,
                     const float *table, const float *pen, const float *row, const float *spread, const float *target,
                     float *log_prob, float *normaliser, float *scratch) {
    const Sizes s = {sketches, rows, points, heads, key, stride};
    const long width = width_of(&s), step = padded(points), part = KINDS * (key + GEOMETRY);
    float *columns = scratch, *seen = columns + 2 * width * step;
    float *scores = seen + GEOMETRY * step, *density = scores + KINDS * step;
    const float *place = columns + (width - PLACE) * step;
    for (long b = 0; b < sketches; b++) {
        const float *own = table + (slots ? slots[b] : b) * stride;
        transpose(own, points, width, 2 * heads * key, width, columns + 2 * heads * key * step, step);
        for (long i = 0; i < rows; i++) {
            const long at = b * rows + i, count = (long)row[at] + 1;
            see(place, step, pen + at * PLACE, row[at], count, seen);
            anchor_scores(&s, query + at * part, columns, seen, step, count, scores);
            log_prob[at] = log_anchors(place, step, scores, count, target + at * 2, spread[at], density, normaliser + at);
        }
    }
}

void anchors_backward(long sketches, long rows, long points, long heads, long key, long stride, const float *query,
                      const float *table, const float *pen, const float *row, const float *spread, const float *target,
                      const float *log_prob, const float *normaliser, const float *d_log_prob, float *d_query,
                      float *d_spread, float *d_table, float *scratch) {
    const Sizes s = {sketches, rows, points, heads, key, stride};
    const long width = width_of(&s), step = padded(points), part = key + GEOMETRY;
    const float scale = 1.0f / __builtin_sqrtf((float)key);
    float *columns = scratch, *d_columns = columns + width * step, *seen = d_columns + width * step;
    float *scores = seen + GEOMETRY * step, *density = scores + KINDS * step, *slope = density + KINDS * step;
    const float *place = columns + (width - PLACE) * step;
    for (long b = 0; b < sketches; b++) {
        transpose(table + b * stride, points, width, 2 * heads * key, width, columns + 2 * heads * key * step, step);
        memset(d_columns, 0, (size_t)(width * step) * sizeof *d_columns);
        for (long i = 0; i < rows; i++) {
            const long at = b * rows + i, count = (long)row[at] + 1;
            const float given = d_log_prob[at];
            memset(d_query + at * KINDS * part, 0, (size_t)(KINDS * part) * sizeof *d_query);
            d_spread[at] = 0.0f;
            if (given == 0.0f) continue;
            see(place, step, pen + at * PLACE, row[at], count, seen);
            anchor_scores(&s, query + at * KINDS * part, columns, seen, step, count, scores);
            densities(place, step, target + at * 2, spread[at], count, density, slope);
            const float total = log_prob[at] + normaliser[at];
            float steepness = 0.0f;
            for (long kind = 0; kind < KINDS; kind++) {
                float *restrict z = scores + kind * step, *restrict p = density + kind * step;
                const float *restrict steep = slope + kind * step;
#pragma omp simd reduction(+ : steepness)
                for (long j = 0; j < count; j++) {
                    float posterior = exponential(z[j] + p[j] - total);
                    steepness += posterior * steep[j];
                    z[j] = given * (posterior - exponential(z[j] - normaliser[at]));
                }
                const long place_of = (at * KINDS + kind) * part, k = (2 * heads + kind) * key * step;
                add_products(columns + k, step, z, key, scale, count, d_query + place_of);
                add_products(seen, step, z, GEOMETRY, 1.0f, count, d_query + place_of + key);
                spread_out(d_columns + k, step, z, query + place_of, key, scale, count);
            }
            d_spread[at] = given * steepness;
        }
        transpose_back(d_columns, points, width, d_table + b * points * width, step);
    }
}
