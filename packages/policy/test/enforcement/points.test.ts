import { describe, expect, it } from 'vitest';

import { createCceEnforcer } from '../../src/enforcement/index.ts';
import { container, containerId, createInput, hash, overlaySteps, policyText } from './policy-fixtures.ts';
import type { PolicyParts } from './policy-fixtures.ts';

type Step = { readonly point: string; readonly input?: unknown };

/** Texts of each step, `true` for an allowed one. */
function answers(parts: PolicyParts, ...steps: readonly Step[]): unknown[] {
  const enforcer = createCceEnforcer(policyText(parts));
  return steps.map((step) => {
    const decision = enforcer.enforce(step);
    return decision.allowed ? true : decision.errors;
  });
}

const m0 = '/run/mounts/scsi/m0';
const rwTarget = `/run/gcs/c/${hash(1)}`;
const device: Step = { point: 'mount_device', input: { target: m0, deviceHash: hash(1) } };
const rw = (fields: object = {}): Step => ({
  point: 'rw_mount_device',
  input: { target: rwTarget, encrypted: true, ensureFilesystem: true, filesystem: 'xfs', ...fields },
});
const unmount = (point: string, unmountTarget: string): Step => ({ point, input: { unmountTarget } });
const create: Step = { point: 'create_container', input: createInput() };

describe('devices', () => {
  it('mounts one device at a path until it is unmounted', () => {
    expect(answers({}, device, device, unmount('unmount_device', m0), device)).toEqual([
      true,
      ['device already mounted at path'],
      true,
      true,
    ]);
  });

  it('names everything that is wrong with a writable device', () => {
    const wrong = rw({ target: '/x', encrypted: false, ensureFilesystem: false, filesystem: 'btrfs' });
    expect(answers({}, wrong, rw(), rw())).toEqual([
      [
        'ensureFilesystem must be set on rw device mounts',
        'mountpoint invalid',
        'rw device mounts uses a filesystem that is not allowed',
        'unencrypted scratch not allowed, non-readonly mount request for SCSI disk must request encryption',
      ],
      true,
      ['device already mounted at path'],
    ]);
  });

  it('tells the two kinds of devices apart when it unmounts', () => {
    const steps = [
      device,
      rw(),
      unmount('unmount_device', rwTarget),
      unmount('rw_unmount_device', m0),
      unmount('unmount_device', '/x'),
      unmount('rw_unmount_device', rwTarget),
    ];
    expect(answers({}, ...steps).slice(2)).toEqual([
      ['received read-only unmount request, but device provided is read-write'],
      ['received read-write unmount request, but device provided is read-only'],
      ['no device at path to unmount'],
      true,
    ]);
  });

  it('never mounts block devices', () => {
    expect(answers({}, { point: 'mount_blockdev', input: { target: m0 } })).toEqual([
      ['blockdev mounts are not supported'],
    ]);
  });
});

describe('processes', () => {
  it('answers each failing test of a creation with its own text', () => {
    const strict = { containers: [container({ no_new_privileges: true, seccomp_profile_sha256: 'ab' })] };
    const fields = { umask: '0077', privileged: true, devices: [{ path: '/dev/x' }] };
    expect(
      answers(strict, ...overlaySteps(), { point: 'create_container', input: createInput(fields) }).at(-1),
    ).toEqual([
      'devices not supported',
      'invalid noNewPrivileges',
      'invalid seccomp',
      'invalid user',
      'privileged escalation not allowed',
    ]);
  });

  it('sends signals to exec processes by their command', () => {
    const containers = [container({ exec_processes: [{ command: ['/bin/check'], signals: [2] }], signals: [15] })];
    const signal = (number: number, isInitProcess: boolean, argList: readonly string[] = []): Step => ({
      point: 'signal_container_process',
      input: { containerID: containerId, signal: number, isInitProcess, argList },
    });
    const refused = ["target isn't allowed to receive the signal"];
    const steps = [
      create,
      signal(15, true),
      signal(2, true),
      signal(2, false, ['/bin/check']),
      signal(15, false, ['/bin/check']),
    ];
    expect(answers({ containers }, ...overlaySteps(), ...steps).slice(2)).toEqual([true, true, refused, true, refused]);
  });

  it('starts external processes that the policy lists', () => {
    const external_processes = [
      {
        command: ['/bin/tool'],
        env_rules: [{ pattern: 'A=1', strategy: 'string', required: true }],
        working_dir: '/',
        allow_stdio_access: true,
      },
    ];
    const run = (envList: readonly string[]): Step => ({
      point: 'exec_external',
      input: { argList: ['/bin/tool'], envList, workingDir: '/' },
    });
    expect(answers({ assignments: { external_processes } }, run(['A=1']), run(['B=1']), run([]))).toEqual([
      true,
      ['invalid env list: B', 'missing required environment variable'],
      ['missing required environment variable'],
    ]);
  });

  it('runs nothing in a container that was shut down', () => {
    const shutdown: Step = { point: 'shutdown_container', input: { containerID: containerId } };
    const exec: Step = { point: 'exec_in_container', input: createInput({ argList: ['/bin/check'] }) };
    const decided = answers({}, ...overlaySteps(), exec, create, exec, shutdown, exec, shutdown);
    expect(decided[2]).toContain('container not started');
    expect(decided.slice(3, 6)).toEqual([true, true, true]);
    expect(decided[6]).toContain('invalid command');
    expect(decided[7]).toBe(true);
  });
});

describe('trust lists', () => {
  it('loads a list that the policy names, with a ledger it allows', () => {
    const transparency_trust_lists = [{ issuer: 'i', subject: 's', minimum_svn: '2', allowed_ledgers: ['l'] }];
    const load = (svn: string, ledgers: readonly string[]): Step => ({
      point: 'load_transparency_trust_list',
      input: { issuer: 'i', subject: 's', svn, ledgers },
    });
    expect(
      answers({ assignments: { transparency_trust_lists } }, load('2', ['l']), load('1', ['l']), load('2', ['x'])),
    ).toEqual([
      true,
      ["no TTL candidate matches the provided TTL's issuer, subject and svn"],
      ['The provided TTL does not contain any ledgers it is allowed to load'],
    ]);
  });
});
