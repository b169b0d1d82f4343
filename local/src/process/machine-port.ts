import { readFileSync } from 'node:fs';

/** What is added to a port that this user may not open. */
export const UNPRIVILEGED_OFFSET = 8000;
const LINUX_SETTING = '/proc/sys/net/ipv4/ip_unprivileged_port_start';

let first: number | undefined;

/** The lowest port that programs of this user may open. */
export function firstOpenPort(): number {
  first ??= process.platform === 'linux' && process.getuid?.() !== 0 ? linuxSetting() : 0;
  return first;
}

function linuxSetting(): number {
  try {
    return Number(readFileSync(LINUX_SETTING, 'utf8'));
  } catch {
    return 1024; // as it is where nobody has changed it
  }
}

/**
 * The port of a loopback address on this machine at which a port of a pod is. In a container everybody may open port 80; here it is
 * port 8080 of the pod's address, unless this user may open it.
 */
export function machinePort(port: number, open: number = firstOpenPort()): number {
  return port > 0 && port < open ? port + UNPRIVILEGED_OFFSET : port;
}
