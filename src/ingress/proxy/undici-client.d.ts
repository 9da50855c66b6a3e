/** Only the client of undici is loaded: a third of the time to start, and 14 MB less, than with its fetch and the rest. */
declare module 'undici/lib/dispatcher/client.js' {
  export { Client as default } from 'undici';
}
