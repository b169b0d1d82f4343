import { createLogger } from '@holdfast/process';
import { redisServerProgram, startRedisServer } from '@holdfast/redis/testing';
import { chromium } from 'playwright-core';
import { describe, expect, it } from 'vitest';

import { startVote } from '../src/index.ts';

const browserProgram = process.env['HOLDFAST_CHROMIUM'];
const program = redisServerProgram ?? '';

function start(redisPort: number, password = '') {
  const env = { host: '127.0.0.1', port: '0', REDIS: '127.0.0.1', redis_port: String(redisPort), REDIS_PWD: password };
  return startVote({
    env,
    configFile: undefined,
    logger: createLogger({ name: 'vote', level: 'silent' }),
    fail: () => undefined,
  });
}

describe.skipIf(redisServerProgram === undefined || browserProgram === undefined)('the page in a browser', () => {
  it('counts clicks, keeps them over a restart, and sets them back', async () => {
    await using redis = await startRedisServer(program, { password: 'key' });
    let service = await start(redis.port, 'key');
    const browser = await chromium.launch({
      executablePath: browserProgram ?? '',
      args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update'],
    });
    try {
      const page = await browser.newPage();
      const errors: string[] = [];
      page.on('pageerror', (error) => errors.push(error.message));
      page.on('console', (message) => {
        if (message.type() === 'error') errors.push(message.text());
      });
      const results = () => page.locator('.results').innerText();
      await page.goto(service.addresses['http'] ?? '');
      await page.getByRole('button', { name: 'Cats' }).click();
      await page.getByRole('button', { name: 'Cats' }).click();
      await page.getByRole('button', { name: 'Dogs' }).click();
      expect((await results()).trim()).toBe('Cats - 2 | Dogs - 1');
      await service.stop();
      service = await start(redis.port, 'key');
      await page.goto(service.addresses['http'] ?? '');
      expect((await results()).trim()).toBe('Cats - 2 | Dogs - 1');
      await page.getByRole('button', { name: 'Reset' }).click();
      expect((await results()).trim()).toBe('Cats - 0 | Dogs - 0');
      expect(errors.filter((text) => !text.includes('favicon'))).toEqual([]);
    } finally {
      await browser.close();
      await service.stop();
    }
  });
});

describe.skipIf(redisServerProgram === undefined)('without its Redis', () => {
  it('the application does not start, so that whoever runs it tries again', async () => {
    const redis = await startRedisServer(program);
    await redis.kill();
    await expect(start(redis.port)).rejects.toMatchObject({ code: 'REDIS_UNREACHABLE' });
    await redis[Symbol.asyncDispose]();
  });
});
