/** Bounds of topics and patterns. With the bus's prefix they keep to its own. */
export const topicLimits = { maxLength: 200, maxWords: 12 } as const;

/** As on the bus. Words that begin with `_` are Rivulet's own. */
const WORD = /^[A-Za-z0-9-][A-Za-z0-9_-]*$/;
const OWN_WORD = /^[A-Za-z0-9_-]+$/;

/** Every user who is connected has it. */
export const BROADCAST_TOPIC = '_all';
const USER_TOPIC = '_user';
const ENCODED = '-b64-';

export function isTopicWord(word: string): boolean {
  return WORD.test(word);
}

/** Whether an application may have such a topic. */
export function isTopic(text: string): boolean {
  const words = text.split('.');
  return (
    text.length <= topicLimits.maxLength && words.length <= topicLimits.maxWords && words.every(isTopicWord)
  );
}

export function isOwnTopic(topic: string): boolean {
  return topic === BROADCAST_TOPIC || topic.startsWith(`${USER_TOPIC}.`);
}

/** Longest user ID that a topic can be made of. */
export const USER_ID_MAX_BYTES = 128;

/** The topic of what is sent to one user. Different for different users, whichever characters their ID has. */
export function topicOfUser(userId: string): string {
  const isPlain = OWN_WORD.test(userId) && !userId.startsWith(ENCODED) && userId.length <= USER_ID_MAX_BYTES;
  const word = isPlain ? userId : `${ENCODED}${Buffer.from(userId).toString('base64url')}`;
  return `${USER_TOPIC}.${word}`;
}

export function isUserId(text: string): boolean {
  return text !== '' && text.isWellFormed() && Buffer.byteLength(text) <= USER_ID_MAX_BYTES;
}
