/* What linear algebra costs, from a table of rates in the source: the algebra of costs, and the cost of what this floor
 * does. A function of shapes alone, never of a measurement, so that numbers do not depend on the machine's mood.
 * Not collective. */
#ifndef GRADSWEEP_LINALG_COST_H
#define GRADSWEEP_LINALG_COST_H

/* What a piece of work takes. Its seconds are those of one core that does everything; on a team some of them are
 * shared, some not, and there is communication: cost_seconds. */
struct cost {
    double flops;
    double seconds; /* on one core */
    /* Of these seconds: */
    double lapack;     /* in LAPACK; in ScaLAPACK on a team */
    double squares;    /* in products of whole matrices; in PDGEMM on a team */
    double replicated; /* in element-wise work on whole vectors, which every rank of a team does for itself */
    /* Of a team: */
    double gathered_bytes; /* that each rank receives of vectors */
    double panel_bytes;    /* of the matrices that PDGEMM multiplies, both factors */
    double messages;       /* collective calls */
};

/* How many times longer work takes than on the machine that the rates were measured on. */
struct cost_speed {
    double kernel; /* all but LAPACK */
    double lapack;
};

struct cost cost_add(struct cost a, struct cost b);

/* All of it `times` times. */
struct cost cost_times(struct cost cost, double times);

/* The same work on another machine: seconds are scaled, communication is not. */
struct cost cost_on(struct cost cost, const struct cost_speed *speed);

/* Wall seconds on a team of so many ranks; 1: cost.seconds. */
double cost_seconds(const struct cost *cost, int team_size);

/* LAPACK work of so many operations on matrices of order `hidden_size`, on one core. */
struct cost cost_lapack(long hidden_size, double flops);

/* Applying W or W^T, [d, d], to `columns` vectors, `side_by_side` of them at a time, with what is done to each element
 * of the result. */
struct cost cost_narrow(long hidden_size, double columns, double side_by_side);

/* `steps` products of whole matrices, [d, d] each, that stand side by side in wide blocks. */
struct cost cost_squares(long hidden_size, double steps);

/* The same products of a network whose chains lie in the lanes of vectors (linalg/lanes.h). */
struct cost cost_products_in_lanes(long hidden_size, double steps);

/* One of their norms from a Gram matrix: by so many vectors of Lanczos, 0: by reduction. */
struct cost cost_norm_in_lanes(long hidden_size, double vectors);

/* Seconds of so many operations where a matrix meets one vector at a time. */
double cost_vector_seconds(long hidden_size, double flops);

/* Seconds of one run of so many iterations of Lanczos beside its products: each vector is orthogonalised against those
 * before it. */
double cost_lanczos_seconds(long hidden_size, double iterations);

/* ||W||_2 to rounding by Lanczos through products with one vector (linalg/norm_by_products.c), and the bytes of the
 * vectors that it keeps: the room for them grows by doubling, and stays with the process. */
struct cost cost_norm_by_products(long hidden_size);
double cost_norm_by_products_bytes(long hidden_size);

/* rho(W) by repeated squaring (linalg/radius_by_squaring.c), and by one rank from the range of a power. */
struct cost cost_radius_by_squaring(long hidden_size);
struct cost cost_radius_by_range(long hidden_size);

/* Bytes of the blocks of columns that a rank of a team sends and receives; 0 for one rank. */
double cost_gather_bytes(long hidden_size, int team_size);

#endif
