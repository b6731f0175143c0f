// The servers of the project. Code that knows of one server only takes central's.
const { central, edge } = globalThis.servers;
const urls = JSON.parse(process.env.TEST_SERVER_URLS);

Object.assign(process.env, {
  TEST_DATABASE_URL: urls[central],
  TEST_DATABASE_VERSION: String(central),
  TEST_EDGE_DATABASE_URL: urls[edge],
  TEST_EDGE_DATABASE_VERSION: String(edge),
  TEST_REFERENCE_DATABASE_URL: urls[18],
});
