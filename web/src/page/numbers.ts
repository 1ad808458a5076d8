/** Numbers of pictures: they grow, and no other has the same, in this page or another that keeps pictures in the same browser. */
let last = 0;

export function newNumber(): number {
  last = Math.max(Date.now(), last + 1);
  return last;
}
