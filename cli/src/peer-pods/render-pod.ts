import { RequestError } from '@holdfast/base';
import type { Machine, StartPeerPodOptions } from '@holdfast/local';

type OnStep = NonNullable<StartPeerPodOptions['onStep']>;

/** A step of the conversation with the key broker as a line. The first refusal is part of the protocol, and says so. */
export function describeStep(...[component, { step, status, refusal }]: Parameters<OnStep>): string {
  const normal = refusal?.startsWith('TokenNotFound') === true ? ' (normal: the guest attests itself now)' : '';
  return `${component}: ${step} ${status}${refusal === undefined ? '' : ` ${refusal}`}${normal}`;
}

/** The reference values of a machine, as `holdfast trustee reference-value set` takes them. */
export function referenceLines(values: Machine['referenceValues']): readonly string[] {
  return Object.entries(values).map(([name, value]) => {
    const items = Array.isArray(value) ? (value as readonly unknown[]) : [value];
    return `reference   ${name} ${items.map(String).join(' ')}`;
  });
}

export function fileFlagProblem(): RequestError {
  return new RequestError('PEER_POD_OPTIONS_CONFLICT', '--output goes with --once only', {
    action: 'Name the resource with --once.',
  });
}
