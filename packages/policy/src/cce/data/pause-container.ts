import type { CceContainer } from '../policy-model.ts';
import { unprivilegedCapabilities } from './capabilities.ts';

/**
 * The platform's pause container, without its signals, which depend on the generation. Its capabilities are not sorted.
 */
export const pauseContainer: Omit<CceContainer, 'signals'> = {
  name: 'pause-container',
  command: ['/pause'],
  layers: ['16b514057a06ad665f92c02863aca074fd5976c755d26bff16365299169e8415'],
  env_rules: [
    {
      pattern: 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      strategy: 'string',
      required: true,
    },
    { pattern: 'TERM=xterm', strategy: 'string', required: false },
  ],
  mounts: [],
  exec_processes: [],
  working_dir: '/',
  allow_elevated: false,
  allow_stdio_access: true,
  no_new_privileges: false,
  seccomp_profile_sha256: '',
  user: {
    user_idname: { pattern: '', strategy: 'any' },
    group_idnames: [{ pattern: '', strategy: 'any' }],
    umask: '0022',
  },
  capabilities: {
    bounding: unprivilegedCapabilities,
    effective: unprivilegedCapabilities,
    permitted: unprivilegedCapabilities,
    inheritable: [],
    ambient: [],
  },
};
