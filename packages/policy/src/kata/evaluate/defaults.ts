import type { KataProfile } from '../policy-data.ts';

/** Requests that are always allowed. */
const alwaysAllowed: ReadonlySet<string> = new Set([
  'DestroySandboxRequest',
  'GetOOMEventRequest',
  'GuestDetailsRequest',
  'OnlineCPUMemRequest',
  'RemoveContainerRequest',
  'RemoveStaleVirtiofsShareMountsRequest',
  'SignalProcessRequest',
  'StartContainerRequest',
  'StatsContainerRequest',
  'TtyWinResizeRequest',
  'WaitProcessRequest',
]);

const allowedInMs: ReadonlySet<string> = new Set(['UpdateInterfaceRequest', 'UpdateRoutesRequest']);

/** Requests with a switch in the settings. */
export const switches = [
  'CloseStdinRequest',
  'ReadStreamRequest',
  'UpdateEphemeralMountsRequest',
  'WriteStreamRequest',
  'GetDiagnosticDataRequest',
] as const;

/** Whether the rules allow a request for which they have no conditions. Names the rules do not have are denied. */
export function allowedByDefault(profile: KataProfile, request: string): boolean {
  return alwaysAllowed.has(request) || (profile === 'ms' && allowedInMs.has(request));
}
