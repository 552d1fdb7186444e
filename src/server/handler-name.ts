/** Where our decorators leave the name of the method, which Nest does not pass on. */
export const HANDLER_NAME = Symbol('nestjs-mqtt:handler-name');
