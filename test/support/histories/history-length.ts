/** The history that `npm test` plays each time. `npm run test:long` plays a new one, and a longer one. */
const USUAL_SEED = 20_251_121;

/** `RIVULET_HISTORY_SEED` plays a history again. */
export const historySeed = Number(process.env['RIVULET_HISTORY_SEED'] ?? USUAL_SEED);

/** Batches of changes of a random history. */
export const historyBatches = Number(process.env['RIVULET_HISTORY_BATCHES'] ?? 200);

/** Rounds of changes of the hostile tables. */
export const hostileRounds = Number(process.env['RIVULET_HOSTILE_ROUNDS'] ?? 2);

/** Batches of changes of a source whose definitions change, too. */
export const definitionBatches = Number(process.env['RIVULET_DEFINITION_BATCHES'] ?? 100);

/** Histories of sources, each with tables and queries of its own, that are read by parameters. */
export const narrowedHistories = Number(process.env['RIVULET_NARROWED_HISTORIES'] ?? 2);

/** Rounds of changes at three edges whose rows are collected. */
export const collectionRounds = Number(process.env['RIVULET_COLLECTION_ROUNDS'] ?? 3);

/** Kills of the apps and databases that rows are collected between. */
export const collectionKills = Number(process.env['RIVULET_COLLECTION_KILLS'] ?? 1);

/** Mistakes that are made on purpose, to see whether these histories find them. */
export const narrowingFaultsPlayed = Number(process.env['RIVULET_NARROWING_FAULTS'] ?? 2);

/** Histories of sources whose changed rows are told by their keys. */
export const keyedHistories = Number(process.env['RIVULET_KEYED_HISTORIES'] ?? 1);

/** Mistakes that are made on purpose, to see whether these histories find them. */
export const keyedFaultsPlayed = Number(process.env['RIVULET_KEYED_FAULTS'] ?? 1);

/** Parts that are killed while a configuration goes out. */
export const configurationKills = Number(process.env['RIVULET_CONFIGURATION_KILLS'] ?? 2);
