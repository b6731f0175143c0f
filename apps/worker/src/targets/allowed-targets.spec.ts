import { kindOfAddress, type NetworkKind } from './address-kinds';
import { AllowedTargets } from './allowed-targets';
import { TargetsEnv } from './targets.env';

const PUBLIC = '93.184.215.14';

function targets({
  hosts = [],
  networks = [],
  dns = [PUBLIC],
}: { hosts?: string[]; networks?: NetworkKind[]; dns?: string[] } = {}): AllowedTargets {
  const env = Object.assign(new TargetsEnv(), { allowedHosts: hosts, allowedNetworks: networks });
  return new AllowedTargets(env, async () => dns);
}

const refused = expect.objectContaining({ code: 'TASK_TARGET_REFUSED' });

describe('an address', () => {
  it.each([
    ['127.0.0.1', 'loopback'],
    ['127.255.255.254', 'loopback'],
    ['::1', 'loopback'],
    ['::ffff:127.0.0.1', 'loopback'],
    ['::ffff:7f00:1', 'loopback'],
    ['169.254.169.254', 'link-local'],
    ['::ffff:169.254.169.254', 'link-local'],
    ['fe80::1', 'link-local'],
    ['10.1.2.3', 'private'],
    ['172.31.255.255', 'private'],
    ['192.168.1.1', 'private'],
    ['100.64.0.1', 'private'],
    ['fd12:3456::1', 'private'],
    ['0.0.0.0', 'special'],
    ['0.1.2.3', 'special'],
    ['224.0.0.1', 'special'],
    ['255.255.255.255', 'special'],
    ['198.18.0.1', 'special'],
    ['::', 'special'],
    ['::127.0.0.1', 'special'],
    ['64:ff9b::7f00:1', 'special'],
    ['2002:7f00:1::', 'special'],
    ['2001:0:1::', 'special'],
    ['ff02::1', 'special'],
    ['fe80::1%eth0', 'special'],
    ['::ffff:0:7f00:1', 'special'],
    ['100::1', 'special'],
    ['4000::1', 'special'],
    ['fec0::1', 'special'],
    ['2001:db8::1', 'special'],
    ['3fff::1', 'special'],
    ['no address', 'special'],
    [PUBLIC, 'public'],
    ['172.32.0.1', 'public'],
    ['2606:2800:21f:cb07::1', 'public'],
  ])('%s is %s', (address, kind) => {
    expect(kindOfAddress(address)).toBe(kind);
  });
});

describe('a target', () => {
  it.each([
    'http://127.0.0.1/',
    'http://2130706433/',
    'http://0x7f000001/',
    'http://0177.0.0.1/',
    'http://127.1/',
    'http://[::1]/',
    'http://[::ffff:127.0.0.1]/',
    'http://[::ffff:a9fe:a9fe]/',
    'http://169.254.169.254/latest/meta-data',
    'http://2852039166/',
    'http://①②⑦.⓪.⓪.①/',
    'http://0/',
    'http://10.0.0.1/',
    'file:///etc/passwd',
    'ftp://example.com/',
    'gopher://example.com/',
    'http://user:password@example.com/',
    'example.com',
    `http://example.com/${'x'.repeat(2_100)}`,
  ])('%s is refused without asking DNS', (url) => {
    expect(() => targets().check(url)).toThrow(refused);
  });

  it.each([
    ['loopback', ['127.0.0.1']],
    ['loopback by IPv6', ['::1']],
    ['the address of cloud metadata', ['169.254.169.254']],
    ['a public and a private address', [PUBLIC, '10.0.0.1']],
  ])('whose name leads to %s is refused', async (_, dns) => {
    const allowed = targets({ dns });
    await expect(allowed.addressOf(allowed.check('http://rebound.example/'))).rejects.toEqual(refused);
  });

  it('is asked for once, and the address that was checked is the one to connect to', async () => {
    const answers = [[PUBLIC], ['127.0.0.1']];
    const allowed = new AllowedTargets(new TargetsEnv(), async () => answers.shift()!);
    expect(await allowed.addressOf(allowed.check('http://rebound.example/'))).toBe(PUBLIC);
    expect(answers).toHaveLength(1);
  });

  it('on loopback is allowed where that is allowed, and nothing else with it', () => {
    const allowed = targets({ networks: ['loopback'] });
    expect(allowed.check('http://127.0.0.1:8080/x').href).toBe('http://127.0.0.1:8080/x');
    expect(() => allowed.check('http://10.0.0.1/')).toThrow(refused);
    expect(() => allowed.check('http://0.0.0.0/')).toThrow(refused);
  });

  it('must be in the list of hosts where there is one', () => {
    const allowed = targets({ hosts: ['api.example.com', '*.example.org'] });
    for (const url of ['https://api.example.com/', 'https://API.example.com./', 'https://a.b.example.org/'])
      expect(allowed.check(url)).toBeInstanceOf(URL);
    for (const host of ['example.com', 'api.example.com.evil.test', 'example.org', 'evilexample.org', PUBLIC])
      expect(() => allowed.check(`https://${host}/`)).toThrow(refused);
  });
});
