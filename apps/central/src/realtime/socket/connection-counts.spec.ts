import { ConnectionCounts } from './connection-counts';

it('counts the connections of a process, an address and a user, until each gives its place back', () => {
  const counts = new ConnectionCounts({ maxConnections: 3, maxPerAddress: 2, maxPerUser: 1 });
  const [giveBack] = [counts.takeAddress('::1'), counts.takeAddress('::1')];
  expect(() => counts.takeAddress('::1')).toThrow('Your address has 2 connections.');
  counts.takeAddress('::2');
  expect(() => counts.takeAddress('::3')).toThrow('This process has 3 connections.');
  giveBack();
  counts.takeAddress('::1');
  const release = counts.takeUser('a');
  counts.takeUser('b');
  expect(() => counts.takeUser('a')).toThrow('You have 1 connections.');
  expect([counts.connections, counts.userCount]).toEqual([3, 2]);
  release();
  counts.takeUser('a');
});
