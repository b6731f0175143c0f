import { CentralInProcess } from '../../../../test/support/central-in-process';

interface Health {
  status: string;
  details: { bus: { status: string; bus: string; problem?: string } };
}

async function until<T>(read: () => Promise<T>, isThere: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await read();
    if (isThere(value)) return value;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe('the bus of central', () => {
  let central: CentralInProcess;
  afterEach(() => central.stop());

  const health = async (path = ''): Promise<Health> =>
    (await central.call<Health>('GET', `/health${path}`))[1];
  const metric = async (name: string): Promise<string | undefined> => {
    const text = await (await fetch(`${central.url}/metrics`)).text();
    return text.split('\n').find((line) => line.startsWith(`rivulet_central_bus_${name}`));
  };

  it("is central's own PostgreSQL unless another is set", async () => {
    central = await CentralInProcess.start();
    const { details } = await until(health, (value) => value.details.bus.status === 'up');
    expect(details.bus).toMatchObject({ bus: 'postgres:' });
    expect(await metric('connected')).toBe('rivulet_central_bus_connected 1');
  });

  it.each([['nats', 'nats://rivulet:secret@127.0.0.1:9']])(
    'that is down (%s) leaves central ready, and health says what is degraded',
    async (_, url) => {
      central = await CentralInProcess.start({ CENTRAL_BUS_URL: url });
      const { status, details } = await until(
        health,
        (value) => !value.details.bus.problem?.includes('not connected yet'),
      );
      expect(status).toBe('degraded');
      expect(details.bus).toMatchObject({
        status: 'degraded',
        problem: expect.stringContaining('polls go on') as string,
      });
      expect(JSON.stringify(details)).not.toContain('secret');
      expect((await central.call('GET', '/health/ready'))[0]).toBe(200);
      expect(await metric('connected')).toBe('rivulet_central_bus_connected 0');
    },
  );
});
