/** Requests to each app, inputs of each parser, and messages over each transport. `npm run test:long -- fuzz` has more. */
const rounds = Number(process.env['RIVULET_FUZZ_ROUNDS'] ?? 1);

export const fuzzedRequests = 700 * rounds;
export const fuzzedTexts = 60 * rounds;
export const fuzzedMessages = 80 * rounds;

let inputs = 0;

export function countInput(): void {
  inputs++;
}

/** Long runs say how many inputs there were: a loop that ended early would pass, too. */
export function tellInputs(what: string): void {
  afterAll(() => {
    if (rounds > 1) process.stdout.write(`Inputs of ${what}: ${inputs.toLocaleString('en')}\n`);
  });
}
