// Random numbers that a seed fixes: the same on every machine, so that a link shows the same network.
"use strict";

((explorer) => {
  // The last steps of MurmurHash3: every bit of the result depends on every bit of the number.
  function scrambled(number) {
    let bits = number >>> 0;
    bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
    bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
    return (bits ^ (bits >>> 16)) >>> 0;
  }

  const rotated = (bits, by) => (bits << by) | (bits >>> (32 - by));

  // 32 random bits a call, xoshiro128** (Blackman and Vigna 2021), from four words that are not all 0.
  explorer.generator = (words) => {
    let [a, b, c, d] = words;
    return () => {
      const bits = Math.imul(rotated(Math.imul(b, 5), 7), 9) >>> 0;
      const shifted = b << 9;
      c ^= a;
      d ^= b;
      b ^= c;
      a ^= d;
      c ^= shifted;
      d = rotated(d, 11);
      return bits;
    };
  };

  // Streams of one seed: each purpose has its own, so that more neurons do not change the noise.
  explorer.STREAMS = { couplings: 1, states: 2, noise: 3 };

  explorer.words = (seed, stream) =>
    [1, 2, 3, 4].map((place) => scrambled(scrambled(scrambled(seed) + stream) + Math.imul(place, 0x9e3779b9)));

  // Standard normal numbers, in pairs from two uniform ones (Box and Muller 1958).
  explorer.normals = (seed, stream) => {
    const bits = explorer.generator(explorer.words(seed, stream));
    // 53 bits, above 0 and at most 1: the logarithm is finite.
    const uniform = () => ((bits() >>> 5) * 67108864 + (bits() >>> 6) + 1) / 9007199254740992;
    let spare = null;
    return () => {
      if (spare !== null) {
        const kept = spare;
        spare = null;
        return kept;
      }
      const radius = Math.sqrt(-2 * Math.log(uniform()));
      const angle = 2 * Math.PI * uniform();
      spare = radius * Math.sin(angle);
      return radius * Math.cos(angle);
    };
  };
})((globalThis.explorer ??= {}));
