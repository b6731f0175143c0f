import type { Carried } from './driver';

/** A ULID, a space, and the body: for drivers whose server carries the topic itself. */
const CARRIED = /^[0-9A-Z]{26} /;
const BODY_AT = 27;

export function encodeCarried({ id, body }: Carried): string {
  return `${id} ${body}`;
}

/** @throws Error if no bus of ours has sent it */
export function decodeCarried(topic: string, text: string): Carried {
  if (!CARRIED.test(text)) throw new Error('A message came that no bus of Rivulet has sent.');
  return { id: text.slice(0, BODY_AT - 1), topic, body: text.slice(BODY_AT) };
}
