export { loadAdministrator } from '../azure/administrator.ts';
export type { LocalAdministrator } from '../azure/administrator.ts';
export { homeLayout } from './home-layout.ts';
export type { HomeLayout } from './home-layout.ts';
export { loadCredentials } from '../world/credentials.ts';
export type { ClientCredentials, Credentials } from '../world/credentials.ts';
