// Style sheets are imported so that the bundler finds them; they have no value.
declare module '*.css'
