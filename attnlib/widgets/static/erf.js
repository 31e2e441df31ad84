/** The error function, to the last digits: a series of which all terms have one sign. */
export function erf(z) {
  if (Math.abs(z) > 5.9) return Math.sign(z);
  let [term, sum] = [z, z];
  for (let k = 3; Math.abs(term) > 1e-17 * Math.abs(sum); k += 2) sum += term *= (2 * z * z) / k;
  return 2 / Math.sqrt(Math.PI) * Math.exp(-z * z) * sum;
}
