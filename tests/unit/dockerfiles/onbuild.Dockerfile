FROM node:20-onbuild
ONBUILD ARG NODE_ENV
ONBUILD ENV NODE_ENV $NODE_ENV
ONBUILD COPY package.json /usr/src/app/
ONBUILD RUN npm install && npm cache clean --force
OnBuild   add . /usr/src/app
ONBUILD RUN ["npm", "run", "build"]
ONBUILD HEALTHCHECK CMD curl localhost
ONBUILD RUN <<EOF
make
EOF
CMD [ "npm", "start" ]
