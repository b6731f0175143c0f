/** Requests to each app, inputs of each parser, and messages over each transport. `npm run test:long -- fuzz` has more. */
const rounds = Number(process.env['RIVULET_FUZZ_ROUNDS'] ?? 1);

export const fuzzedRequests = 700 * rounds;
export const fuzzedTexts = 60 * rounds;
export const fuzzedMessages = 80 * rounds;
