import { busLimits } from './limits';

const WORD = /^[A-Za-z0-9_-]+$/;

/** @throws TypeError, as topics are ours and never a user's text */
export function checkTopic(topic: string): void {
  if (!isTopic(topic)) throw new TypeError(`"${topic}" is not a topic of the bus.`);
}

export function checkPattern(pattern: string): void {
  const words = pattern.split('.');
  const plain = words.map((word, index) =>
    word === '*' || (word === '>' && index === words.length - 1) ? 'x' : word,
  );
  if (!isTopic(plain.join('.'))) throw new TypeError(`"${pattern}" is not a pattern of topics.`);
}

export function matchesTopic(pattern: string, topic: string): boolean {
  const expected = pattern.split('.');
  const words = topic.split('.');
  const isOpen = expected.at(-1) === '>';
  if (isOpen ? words.length < expected.length : words.length !== expected.length) return false;
  return expected.every((word, index) => word === '*' || word === '>' || word === words[index]);
}

function isTopic(topic: string): boolean {
  const words = topic.split('.');
  return (
    topic.length <= busLimits.maxTopicLength &&
    words.length <= busLimits.maxWords &&
    words.every((word) => WORD.test(word))
  );
}
