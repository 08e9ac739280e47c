"""What is kept of jobs: a record of each (`journal`), and what they were sent with (`sent`)."""
