/** Linear equations with a symmetric positive definite matrix, by its Cholesky decomposition. */
export class LinearSystem {
  /** Lower triangle, row by row; above it is what the matrix had there. */
  private readonly factor: Float64Array;

  /** @param matrix Row by row; becomes the factor. */
  constructor(
    matrix: Float64Array,
    private readonly size: number,
  ) {
    for (let row = 0; row < size; row++) {
      for (let column = 0; column <= row; column++) {
        let sum = matrix[row * size + column]!;
        for (let k = 0; k < column; k++) sum -= matrix[row * size + k]! * matrix[column * size + k]!;
        matrix[row * size + column] = row === column ? Math.sqrt(sum) : sum / matrix[column * size + column]!;
      }
    }
    this.factor = matrix;
  }

  solve(values: ArrayLike<number>): Float64Array {
    const { size, factor } = this;
    const result = Float64Array.from(values);
    for (let row = 0; row < size; row++) {
      for (let k = 0; k < row; k++) result[row]! -= factor[row * size + k]! * result[k]!;
      result[row]! /= factor[row * size + row]!;
    }
    for (let row = size - 1; row >= 0; row--) {
      for (let k = row + 1; k < size; k++) result[row]! -= factor[k * size + row]! * result[k]!;
      result[row]! /= factor[row * size + row]!;
    }
    return result;
  }
}
