/** The two servers of the pair that is tested, and the one that all are compared with. */
export const servers = {
  central: serverOf('TEST_DATABASE'),
  edge: serverOf('TEST_EDGE_DATABASE'),
  reference: { url: process.env['TEST_REFERENCE_DATABASE_URL']!, version: 18 },
};

export interface Server {
  url: string;
  version: number;
}

function serverOf(prefix: string): Server {
  return { url: process.env[`${prefix}_URL`]!, version: Number(process.env[`${prefix}_VERSION`]) };
}
